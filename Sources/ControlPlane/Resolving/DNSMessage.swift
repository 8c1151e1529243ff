/// What a name server says (RFC 1035, section 4), taken apart. The bytes may be anything.
///
/// Names are in lower case, without the dot at their end; that of the root is empty. One with a byte that is no letter, digit, hyphen
/// or underscore is nil: it is well-formed, and nobody asks for it.
struct DNSMessage: Equatable {
    enum Content: Equatable {
        case host(HostAddress)
        case alias(String?)
        case service(Service)
        /// Of a type or class that nobody here asks for.
        case other
    }

    /// RFC 2782.
    struct Service: Equatable {
        var priority: UInt16
        var weight: UInt16
        var port: UInt16
        var target: String?
    }

    struct Record: Equatable {
        let owner: String?
        let secondsToLive: UInt32
        let content: Content
    }

    /// What was asked for.
    let question: String
    let answers: [Record]
    let additional: [Record]

    /// Nil where it is malformed, cut short, or no answer to one question.
    init?(_ bytes: [UInt8]) {
        var reader = DNSReader(bytes)
        guard reader.number() != nil, let flags = reader.number(), Self.isWhole(flags), reader.number() == 1,
            let answers = reader.number(), let authorities = reader.number(), let additional = reader.number(),
            case .found(let name?)? = reader.name(), reader.number() != nil, reader.number() != nil,
            let own = Self.records(answers, &reader), Self.records(authorities, &reader) != nil,
            let more = Self.records(additional, &reader)
        else { return nil }
        question = name
        self.answers = own
        self.additional = more
    }

    /// A response that TC does not say to be cut.
    private static func isWhole(_ flags: UInt16) -> Bool { flags & 0x8000 != 0 && flags & 0x0200 == 0 }

    private static func records(_ count: UInt16, _ reader: inout DNSReader) -> [Record]? {
        var records: [Record] = []
        for _ in 0..<count {
            guard let record = record(&reader) else { return nil }
            records.append(record)
        }
        return records
    }

    private static func record(_ reader: inout DNSReader) -> Record? {
        guard case .found(let owner)? = reader.name(), let type = reader.number(), let kind = reader.number(),
            let high = reader.number(), let low = reader.number(), let length = reader.number(),
            let end = reader.place(after: Int(length))
        else { return nil }
        guard let content = content(type, isInternet: kind == 1, &reader, end), reader.skip(to: end) else { return nil }
        // Where the highest bit is set, it counts as zero (RFC 2181, section 8).
        let seconds = high & 0x8000 == 0 ? UInt32(high) << 16 | UInt32(low) : 0
        return Record(owner: owner, secondsToLive: seconds, content: content)
    }

    /// Nil where it does not fill its place exactly.
    private static func content(_ type: UInt16, isInternet: Bool, _ reader: inout DNSReader, _ end: Int) -> Content? {
        guard isInternet, let type = RecordType(rawValue: type) else { return .other }
        let content: Content
        switch type {
        case .a:
            guard let number = reader.wide(bytes: 4) else { return nil }
            content = .host(.ipv4(UInt32(truncatingIfNeeded: number)))
        case .aaaa:
            guard let number = reader.wide(bytes: 16) else { return nil }
            content = .host(.ipv6(number))
        case .cname:
            guard case .found(let name)? = reader.name() else { return nil }
            content = .alias(name)
        case .srv:
            guard let priority = reader.number(), let weight = reader.number(), let port = reader.number(),
                case .found(let target)? = reader.name()
            else { return nil }
            content = .service(Service(priority: priority, weight: weight, port: port, target: target))
        }
        return reader.place == end ? content : nil
    }
}

/// Types of records, by their numbers (RFC 1035, 3596, 2782).
enum RecordType: UInt16 {
    case a = 1
    case cname = 5
    case aaaa = 28
    case srv = 33
}

extension DNSMessage {
    /// Aliases one after the other, at most.
    private static let aliasesMax = 16

    /// The records that answer the question, at the end of its aliases, and for how long all of that may be kept. Empty where there is none.
    func answer(_ isWanted: (Content) -> Bool) -> (contents: [Content], secondsToLive: UInt32) {
        var name = question
        var seconds = UInt32.max
        for _ in 0...Self.aliasesMax {
            let own = answers.filter { $0.owner == name }
            let wanted = own.filter { isWanted($0.content) }
            seconds = min(seconds, wanted.map(\.secondsToLive).min() ?? seconds)
            guard wanted.isEmpty else { return (wanted.map(\.content), seconds) }
            guard let (next, secondsOfAlias) = own.lazy.compactMap(Self.alias).first else { break }
            name = next
            seconds = min(seconds, secondsOfAlias)
        }
        return ([], 0)
    }

    private static func alias(_ record: Record) -> (String, UInt32)? {
        guard case .alias(let name?) = record.content else { return nil }
        return (name, record.secondsToLive)
    }
}
