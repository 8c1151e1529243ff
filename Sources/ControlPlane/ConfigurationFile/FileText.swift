/// The bytes of a file as text that the YAML parser may see: UTF-8, without control characters, and nothing that is costly to read.
struct FileText {
    /// Without a byte order mark.
    private(set) var text: String

    static let bytesMax = 1 << 20

    private let file: String
    // Where the scan is; line breaks are YAML 1.1's.
    private var line = 1
    private var column = 1
    private var last: Unicode.Scalar = "\n"
    private var indicators = CostlyIndicators()

    /// Throws the first thing that is wrong with the text.
    init(_ bytes: [UInt8], file: String) throws(FileProblems) {
        self.file = file
        text = ""
        guard bytes.count <= Self.bytesMax else {
            throw problem("has more than \(ByteSize(bytes: Self.bytesMax))", cure: "write a shorter file")
        }
        let rest = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = rest.makeIterator()
        scan: while true {
            switch parser.parseScalar(from: &iterator) {
            case .emptyInput: break scan
            case .error: throw problem("is not UTF-8", cure: "save the file as UTF-8")
            case .valid(let encoded): try take(Unicode.UTF8.decode(encoded))
            }
        }
        text = String(decoding: rest, as: UTF8.self)
    }

    private func problem(_ reason: String, cure: String) -> FileProblems {
        let place = FilePlace(file: file, line: line, column: column, key: "")
        return FileProblems(problems: [FileProblem(place, ValueProblem(reason, cure: cure))])
    }

    private mutating func take(_ scalar: Unicode.Scalar) throws(FileProblems) {
        guard Self.isAllowed(scalar) else {
            let hex = String(scalar.value, radix: 16, uppercase: true)
            let code = "U+" + String(repeating: "0", count: max(0, 4 - hex.count)) + hex
            throw problem("holds the character \(code)", cure: "remove it")
        }
        if let finding = indicators.take(scalar) {
            column -= 1
            switch finding {
            case .anchor:
                throw problem(
                    "has an anchor (&)", cure: #"write the value out at each place, or "\x26" for the character"#)
            case .explicitKey:
                throw problem(
                    "has a key behind a question mark", cure: #"leave the mark out, or write "\x3F" for the character"#)
            }
        }
        if TextPlace.isBreak(scalar) {
            // CRLF is one break.
            if !(scalar == "\n" && last == "\r") { line += 1 }
            column = 1
        } else {
            column += 1
        }
        last = scalar
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0x85, 0xA0...0xFEFE, 0xFF00...0xFFFD, 0x1_0000...0x10_FFFF: true
        default: false
        }
    }
}
