/// What a key's value looks like: for the sentence that asks for one, and for the schema.
enum ValueKind {
    case number(ClosedRange<Int>)
    /// Bytes.
    case size(ClosedRange<Int>)
    case time(atLeast: TimeSpan, atMost: TimeSpan = .longest)
    case choice([String])
    case truth
    /// - example: in YAML.
    case text(example: String)

    var isNumber: Bool {
        switch self {
        case .number, .size: true
        case .time, .choice, .truth, .text: false
        }
    }

    /// An order.
    var wanted: String {
        switch self {
        case .number(let range): "write a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .size(let range):
            "write a size from \(ByteSize(bytes: range.lowerBound)) to \(ByteSize(bytes: range.upperBound))"
        case .time(let shortest, let longest): "write a time from \(shortest) to \(longest)"
        case .choice(let names): "write one of \(names.joined(separator: ", "))"
        case .truth: "write true or false"
        case .text(let example): "write for example \(example)"
        }
    }
}
