import ControlMessages
import Testing

@testable import ControlSocket

@Suite("Requests of the control socket")
struct ControlRoutingTests {
    private func reply(
        _ method: String, _ path: String, _ body: String = "", _ host: ScriptedHost = ScriptedHost()
    ) async -> (status: Int, text: String) {
        let reply = await ControlRouting(host).reply(method: method, path: path, body: Array(body.utf8))
        return (reply.status, String(decoding: reply.body, as: UTF8.self))
    }

    @Test(
        "each path is an order",
        arguments: [
            ("GET", "/status", .status), ("GET", "/status?x=/y", .status), ("GET", "/config", .configuration),
            ("GET", "/pools", .pools), ("GET", "/metrics", .metrics), ("POST", "/reload", .reload),
            ("POST", "/drain", .drain), ("POST", "/plan", .plan(path: nil)),
        ] as [(String, String, ControlOrder)])
    func paths(method: String, path: String, order: ControlOrder) async {
        let host = ScriptedHost()
        #expect(await reply(method, path, "", host).status == 200)
        #expect(host.orders == [order])
    }

    @Test(
        "what is to become of a server is in the body",
        arguments: [
            (#"{"action": "drain"}"#, .drain), (#"{"action":"enable"}"#, .enable),
            (#"{"action": "weight", "weight": 7}"#, .weight(7)), (#"{"action": "remove"}"#, .remove),
            (#"{"action": "add"}"#, .add(weight: nil, isBackup: false)),
            (#"{"action": "add", "weight": 3, "backup": true}"#, .add(weight: 3, isBackup: true)),
        ] as [(String, ServerOrder)])
    func actions(body: String, order: ServerOrder) async {
        let host = ScriptedHost()
        #expect(await reply("POST", "/pools/web/servers/unix:%2Frun%2Fa.sock", body, host).status == 200)
        #expect(host.orders == [.server(order, server: "unix:/run/a.sock", pool: "web")])
        let written = ControlJSON.bytes(ServerAction(order))
        #expect((try? ServerAction.order(written)) == order, "as the commands write it")
    }

    @Test("a plan is of the file in the body")
    func plan() async {
        let host = ScriptedHost()
        let body = String(decoding: ControlJSON.bytes(PlanRequest(path: "/etc/a \"b\".yaml")), as: UTF8.self)
        #expect(await reply("POST", "/plan", body, host).status == 200)
        #expect(host.orders == [.plan(path: "/etc/a \"b\".yaml")])
    }

    @Test(
        "nothing else is an order, and the cure is told",
        arguments: [
            ("GET", "/", "", 404, "there is nothing at /; ask for /status"), ("GET", "", "", 404, "ask for /status"),
            ("GET", "/status/", "", 404, "ask for"), ("GET", "/statusx", "", 404, "ask for"),
            ("GET", "/pools/web", "", 404, "ask for"), ("POST", "/pools/a/servers", "", 404, "ask for"),
            ("POST", "/pools/a/servers/b/c", "", 404, "ask for"), ("POST", "/pools/a/x/b", "", 404, "ask for"),
            ("GET", "/plan", "", 405, "use POST"), ("POST", "/plan", "{}", 400, "the body is no question; write"),
            ("POST", "/plan", #"{"path": "edge.yaml"}"#, 400, "the body is no question"),
            ("GET", "/%zz", "", 400, "the path is no escaped UTF-8; write"),
            ("POST", "/status", "", 405, "POST is not for this path; use GET"),
            ("GET", "/reload", "", 405, "use POST"), ("DELETE", "/drain", "", 405, "use POST"),
            ("GET", "/pools/a/servers/b", "", 405, "use POST"),
            ("POST", "/pools/a/servers/b", "", 400, "the body is no order; write {\\\"action\\\""),
            ("POST", "/pools/a/servers/b", "{", 400, "no order"), ("POST", "/pools/a/servers/b", "[]", 400, "no order"),
            ("POST", "/pools/a/servers/b", #"{"action": "burn"}"#, 400, "no order"),
            ("POST", "/pools/a/servers/b", #"{"action": "weight"}"#, 400, "the weight is missing; write"),
            ("POST", "/pools/a/servers/b", #"{"action": "weight", "weight": 1e99}"#, 400, "no order"),
            (
                "POST", "/pools/a/servers/b", #"{"action": "drain", "weight": 2}"#, 400,
                "weight is for weight and add only"
            ),
            (
                "POST", "/pools/a/servers/b", #"{"action": "weight", "weight": 2, "backup": true}"#, 400,
                "backup is for add"
            ),
        ] as [(String, String, String, Int, String)])
    func refusals(method: String, path: String, body: String, status: Int, words: String) async {
        let host = ScriptedHost()
        let (given, text) = await reply(method, path, body, host)
        #expect(given == status && text.contains("\"error\"") && text.contains(words), "\(given) \(text)")
        #expect(host.orders.isEmpty)
    }

    @Test(
        "what the host refuses has a status that fits",
        arguments: [(.wrong, 400), (.unknown, 404), (.conflict, 409), (.unavailable, 503)]
            as [(ControlFailure.Kind, Int)])
    func failures(kind: ControlFailure.Kind, status: Int) async {
        let host = ScriptedHost(.failure(ControlFailure(kind, "it is \"so\"; do that")))
        let (given, text) = await reply("POST", "/reload", "", host)
        #expect(given == status && text == "{\n  \"error\" : \"it is \\\"so\\\"; do that\"\n}\n", "\(text)")
    }

    @Test("every value is read as it was written")
    func bothWays() async {
        let status = ControlStatus(
            version: "1.2.3", pid: 4, engine: "epoll", workers: 2, startedAt: "then", uptimeSeconds: 1.5,
            generation: ControlGeneration(number: 3, loadedAt: "now"),
            lastReload: ControlReload(at: "now", succeeded: false, lines: ["a", "b"]),
            listeners: [ControlListener(name: "l", addresses: ["127.0.0.1:1"])],
            connections: ControlConnections(active: 1, accepted: 2, closed: 3, bytesUp: .max, bytesDown: 5),
            drain: ControlDrain(secondsLeft: 2), totals: ["bytes_up": .max])
        var server = ControlServer(
            name: "a", address: "a", weight: 2, backup: true, state: .slowStart, connections: 3, ejections: 4)
        server.connectFailures = ["timed_out": 9]
        server.health = ControlHealth(down: true, lastFailure: nil)
        let pools = [ControlPool(name: "p", balance: "first", servers: [server])]
        let host = ScriptedHost(.status(status), .pools(pools), .metrics("a 1\n"))
        let texts = [
            await reply("GET", "/status", "", host).text, await reply("GET", "/pools", "", host).text,
            await reply("GET", "/metrics", "", host).text,
        ]
        #expect(
            ControlJSON.value(of: texts[0].utf8) == status && texts[0].contains("\"bytes_up\" : 18446744073709551615"))
        #expect(ControlJSON.value(of: texts[1].utf8) == pools && texts[1].contains("\"slow_start\""))
        #expect(texts[2] == "a 1\n")
    }
}
