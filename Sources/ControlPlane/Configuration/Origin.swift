/// Where a value was written, for whoever has to change it.
package enum Origin: Equatable, Sendable {
    /// A flag's name with its dashes.
    case flag(String)
    case file(FilePlace)

    /// What stands before the value in a refusal.
    package var text: String {
        switch self {
        case .flag(let name): name
        case .file(let place): place.text
        }
    }
}

/// A place in a configuration file.
package struct FilePlace: Equatable, Sendable {
    package let file: String
    /// From 1.
    package let line: Int
    package let column: Int
    /// As in `pools[0].servers[1].address`; empty for the file as a whole.
    package var key: String

    package init(file: String, line: Int, column: Int, key: String) {
        self.file = file
        self.line = line
        self.column = column
        self.key = key
    }

    package var text: String { "\(file):\(line):\(column):\(key.isEmpty ? "" : " \(key)")" }
}

/// A value and where it was written.
package struct Placed<Value: Sendable>: Sendable {
    package let value: Value
    package let origin: Origin

    package init(_ value: Value, at origin: Origin) {
        self.value = value
        self.origin = origin
    }
}

/// The same value, wherever it is written.
extension Placed: Equatable where Value: Equatable {
    package static func == (a: Self, b: Self) -> Bool { a.value == b.value }
}

extension Refusal {
    package init(_ kind: Kind, at origin: Origin, value: String, _ problem: ValueProblem) {
        self.init(kind, flag: origin.text, value: value, problem)
    }
}
