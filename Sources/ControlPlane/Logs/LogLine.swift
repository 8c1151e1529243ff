import Logging

/// One line of the log, without its end.
package enum LogLine {
    /// - Parameter values: shown in the order of their names.
    package static func text(
        _ format: LogFormat, at time: Timestamp, _ level: Logger.Level, _ message: String, _ values: [String: String]
    ) -> String {
        let ordered = values.sorted { $0.key < $1.key }
        switch format {
        case .text:
            let pairs = ordered.map { " \(Escape.controls(in: $0.key))=\(Escape.value($0.value))" }.joined()
            return "\(time) \(level.rawValue.uppercased()) \(Escape.controls(in: message))\(pairs)"
        case .json:
            let fixed = [("time", time.description), ("level", level.rawValue), ("message", message)]
            let pairs = (fixed + ordered.map { ($0.key, $0.value) }).map { "\(Escape.json($0.0)):\(Escape.json($0.1))" }
            return "{\(pairs.joined(separator: ","))}"
        }
    }
}
