import DataPlane
import LinuxCalls

/// The embedded echo server: a worker of its own behind a real TCP socket on the loopback interface.
///
/// It stops with its owner.
final class EmbeddedEcho {
    let address: SocketAddress
    private let thread: WorkerThread

    /// Serves as soon as it is made, on a port of the kernel's choice.
    /// - Parameter settings: its target is set here; it must allow as many connections as all workers together can make.
    init(_ engine: EngineChoice, _ settings: WorkerSettings, backlog: Int32) throws(SystemError) {
        var settings = settings
        settings.target = .echo
        settings.clients = nil
        thread = try WorkerThread(settings: settings, engine: engine, connections: ConnectionCount(), processor: nil)
        try thread.start()
        do throws(SystemError) {
            guard let loopback = SocketAddress(numeric: "127.0.0.1", port: 0) else {
                throw SystemError(Errno.invalid, in: "inet_pton")
            }
            let listener = try ListeningSocket.open(loopback, sharing: false, backlog: backlog)
            address = try SocketAddress.local(of: listener.number)
            thread.serve([(socket: listener.release(), isTCP: true)])
        } catch {
            thread.stopUnserved()
            throw error
        }
    }

    deinit {
        thread.control.give(.stop)
        thread.join()
    }
}

extension WorkerThread {
    /// Ends a worker that stands and has been given no sockets.
    func stopUnserved() {
        control.give(.stop)
        serve([])
        join()
    }
}
