import ControlMessages
import FoundationEssentials

/// A status code and a body, ready to be sent.
struct ControlReply: Equatable, Sendable {
    /// What is wrong with a request, with its status code and a sentence in the form `WHAT; CURE`.
    struct Problem: Error, Equatable, Sendable {
        let status: Int
        let sentence: String
        /// The method that the path takes, where it was another one.
        let allow: String?

        init(_ status: Int, _ sentence: String, allow: String? = nil) {
            self.status = status
            self.sentence = sentence
            self.allow = allow
        }
    }

    private(set) var status = 200
    private(set) var contentType = "application/json"
    private(set) var allow: String?
    private(set) var body: [UInt8]

    init(_ problem: Problem) {
        status = problem.status
        allow = problem.allow
        body = ControlJSON.bytes(ControlError(error: problem.sentence))
    }

    init(_ answer: ControlAnswer) {
        switch answer {
        case .status(let status): self.init(json: status)
        case .configuration(let configuration): self.init(json: configuration)
        case .pools(let pools): self.init(json: pools)
        case .changes(let changes): self.init(json: changes)
        case .metrics(let text):
            self.init(text, contentType: "text/plain; version=0.0.4; charset=utf-8")
        case .failure(let failure): self.init(Problem(failure.kind.status, failure.sentence))
        }
    }

    private init(json value: some Encodable) { body = ControlJSON.bytes(value) }

    private init(_ text: String, contentType: String) {
        self.contentType = contentType
        body = Array(text.utf8)
    }
}

extension ControlFailure.Kind {
    fileprivate var status: Int {
        switch self {
        case .wrong: 400
        case .unknown: 404
        case .conflict: 409
        case .unavailable: 503
        }
    }
}

/// The body of whatever went wrong.
struct ControlError: Codable, Equatable, Sendable {
    var error: String
}

/// JSON as both ends of the control socket write and read it: keys in snake case, sorted.
package enum ControlJSON {
    package static func bytes(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Plain values of this package: numbers are finite, and nothing else could fail.
        guard let data = try? encoder.encode(value) else { preconditionFailure("ControlJSON: no JSON of \(value)") }
        return Array(data) + [UInt8(ascii: "\n")]
    }

    /// Nil where the bytes are something else.
    package static func value<V: Decodable>(_: V.Type = V.self, of bytes: some Sequence<UInt8>) -> V? {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try? decoder.decode(V.self, from: Data(bytes))
    }
}
