import ControlMessages
import FoundationEssentials

/// Requests of the control socket, and the answers to them; knows nothing of sockets.
struct ControlRouting: Sendable {
    private let host: any ControlHost

    init(_ host: any ControlHost) { self.host = host }

    /// - Parameter path: as the request has it, escaped, with or without a query, which is not looked at.
    func reply(method: String, path: String, body: [UInt8]) async -> ControlReply {
        do throws(ControlReply.Problem) {
            let order = try order(method, path, body)
            return ControlReply(await host.answer(order))
        } catch {
            return ControlReply(error)
        }
    }

    private func order(
        _ method: String, _ path: String, _ body: [UInt8]
    ) throws(ControlReply.Problem) -> ControlOrder {
        let path = path.prefix { $0 != "?" && $0 != "#" }
        let segments = try path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
            .map { segment throws(ControlReply.Problem) in
                guard let segment = PercentEscape.plain(segment) else {
                    throw ControlReply.Problem(400, "the path is no escaped UTF-8; write % and two hexadecimal digits")
                }
                return segment
            }
        switch (segments.first, segments.count) {
        case ("status", 1): return try only("GET", method, .status)
        case ("config", 1): return try only("GET", method, .configuration)
        case ("pools", 1): return try only("GET", method, .pools)
        case ("metrics", 1): return try only("GET", method, .metrics)
        case ("reload", 1): return try only("POST", method, .reload)
        case ("plan", 1):
            _ = try only("POST", method, .plan(path: nil))
            return .plan(path: try PlanRequest.path(body))
        case ("drain", 1): return try only("POST", method, .drain)
        case ("pools", 4) where segments[segments.startIndex + 2] == "servers":
            _ = try only("POST", method, .pools)
            return .server(try ServerAction.order(body), server: segments[3], pool: segments[1])
        default:
            throw ControlReply.Problem(
                404,
                "there is nothing at \(path.prefix(100)); ask for /status, /config, /pools or /metrics, or post to /reload, /plan, /drain or /pools/POOL/servers/SERVER"
            )
        }
    }

    /// HEAD is not offered: whoever looks wants to see.
    private func only(
        _ wanted: String, _ method: String, _ order: ControlOrder
    ) throws(ControlReply.Problem) -> ControlOrder {
        guard method == wanted else {
            throw ControlReply.Problem(405, "\(method.prefix(20)) is not for this path; use \(wanted)", allow: wanted)
        }
        return order
    }
}
