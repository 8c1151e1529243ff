import ControlMessages
import FoundationEssentials

/// The body of a question what a file would change.
package struct PlanRequest: Codable, Sendable {
    /// Absolute, since the process may be in another directory.
    package var path: String

    package init(path: String) { self.path = path }

    /// Nil for no body, which means the file that is served. Throws what is wrong with a body that is no question.
    static func path(_ body: [UInt8]) throws(ControlReply.Problem) -> String? {
        if body.isEmpty { return nil }
        guard let read = try? JSONDecoder().decode(PlanRequest.self, from: Data(body)), read.path.hasPrefix("/") else {
            throw ControlReply.Problem(
                400, "the body is no question; write {\"path\": \"/etc/longsplice/edge.yaml\"}, or nothing")
        }
        return read.path
    }
}
