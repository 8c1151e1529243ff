import ControlMessages
import ControlPlane
import ControlSocket

/// The control socket of `longsplice serve`.
struct ControlSocketDoor: ControlDoor {
    private let server: ControlSocketServer

    static func open(_ socket: Int32, _ host: any ControlHost) throws(ValueProblem) -> any ControlDoor {
        do {
            return ControlSocketDoor(server: try ControlSocketServer(listeningOn: socket, host: host))
        } catch {
            throw ValueProblem("cannot be served: \(error)", cure: "raise the limit with ulimit -n (LimitNOFILE=)")
        }
    }

    func close() { server.stop() }
}
