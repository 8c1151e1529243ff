/// The Prometheus text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
struct MetricsText {
    private(set) var text = ""

    enum Kind: String {
        case counter
        case gauge
    }

    struct Sample {
        var labels: [(name: String, value: String)] = []
        let value: String

        init(_ value: some BinaryInteger, _ labels: [(name: String, value: String)] = []) {
            self.value = "\(value)"
            self.labels = labels
        }

        init(_ isTrue: Bool, _ labels: [(name: String, value: String)] = []) { self.init(isTrue ? 1 : 0, labels) }

        /// Seconds.
        init(milliseconds: Int64) {
            let (seconds, rest) = max(0, milliseconds).quotientAndRemainder(dividingBy: 1_000)
            value = "\(seconds).\(String(repeating: "0", count: 3 - "\(rest)".count))\(rest)"
        }
    }

    /// One metric with all its samples; none where there are no samples.
    /// - Parameters:
    ///   - name: without `longsplice_`, and without `_total` for a counter.
    ///   - help: one sentence.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        let name = "longsplice_\(name)\(kind == .counter ? "_total" : "")"
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples {
            text += name
            if !sample.labels.isEmpty {
                let labels = sample.labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
                text += "{\(labels.joined(separator: ","))}"
            }
            text += " \(sample.value)\n"
        }
    }

    /// Backslashes and line feeds; of values of labels quotes too.
    static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.contains(where: { $0 == "\\" || $0 == "\"" || $0.isNewline }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
