import ControlMessages
import LinuxCalls

/// Serves a socket that listens, which is its own from then on; throws a sentence on why it cannot.
package typealias ControlOpening = (_ socket: Int32, _ host: any ControlHost) throws(ValueProblem) -> any ControlDoor

package protocol ControlDoor: Sendable {
    /// Returns when nobody is answered any more.
    func close()
}

/// The control socket's place: its file, and whoever answers there. It is bound by being made, and removed at the end.
final class ControlEntrance {
    private let settings: ControlSettings
    private let listener: BoundListener
    private var door: (any ControlDoor)?

    private static let backlog: Int32 = 64

    /// Binds, so that what stands in the way is known before anything serves.
    init(_ settings: ControlSettings) throws(Refusal) {
        self.settings = settings
        let path = settings.socket.value
        guard let address = SocketAddress(unixPath: path) else {
            preconditionFailure("ControlEntrance: a path that was not checked")
        }
        do throws(ValueProblem) {
            listener = try BoundListener(address, workers: 1, backlog: Self.backlog, mode: settings.mode)
        } catch {
            throw Refusal(.failure, at: settings.socket.origin, value: path, error)
        }
    }

    deinit { close() }

    func open(_ opening: ControlOpening, _ host: any ControlHost) throws(Refusal) {
        guard let socket = listener.take()?.socket else { preconditionFailure("ControlEntrance: opened twice") }
        do throws(ValueProblem) {
            door = try opening(socket, host)
        } catch {
            throw Refusal(.failure, at: settings.socket.origin, value: settings.socket.value, error)
        }
    }

    /// The file first, so that nobody comes who is not answered.
    func close() {
        removeFile()
        door?.close()
        door = nil
    }

    func removeFile() { listener.file?.remove() }
}
