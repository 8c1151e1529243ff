import CLinux
import LinuxCalls

/// The far end: it needs no configuration but where to listen, and serves any number of runs.
package final class Peer {
    /// With the ports the kernel gave.
    package let addresses: [SocketAddress]
    private let order = Order()
    private var threads: [NamedThread] = []
    private var sockets: [Int32] = []
    private let boards: [LoopBoard]

    /// Serves as soon as it is made.
    package init(_ wanted: [SocketAddress], threads count: Int, backlog: Int32 = 4096) throws(SystemError) {
        var opened: [(socket: Int32, isLocal: Bool)] = []
        var bound: [SocketAddress] = []
        var loops: [PeerLoop] = []
        do throws(SystemError) {
            for address in wanted {
                let listener = try ListeningSocket.open(address, sharing: false, backlog: backlog)
                bound.append(address.isTCP ? try SocketAddress.local(of: listener.number) : address)
                opened.append((socket: listener.release(), isLocal: address.isUNIX))
            }
            let allBoards = (0..<count).map { _ in LoopBoard() }
            let records = PeerRecords()
            for index in 0..<count { loops.append(try PeerLoop(opened, records, allBoards, index)) }
        } catch {
            for listener in opened { _ = clinux_close(listener.socket) }
            throw error
        }
        addresses = bound
        sockets = opened.map(\.socket)
        boards = loops.map(\.board)
        do throws(SystemError) {
            for (index, loop) in loops.enumerated() { threads.append(try Self.start(loop, index, order)) }
        } catch {
            stop()
            throw error
        }
    }

    deinit { stop() }

    /// Connections that brought no sound header.
    package var strangers: UInt64 { boards.reduce(0) { $0 &+ $1[.strangers] } }

    /// Cuts what is left and returns when all is gone.
    package func stop() {
        order.give(.cut)
        for thread in threads { thread.join() }
        threads = []
        for socket in sockets { _ = clinux_close(socket) }
        sockets = []
    }

    private static func start(_ loop: PeerLoop, _ index: Int, _ order: Order) throws(SystemError) -> NamedThread {
        // The loop is this thread's alone from here on.
        nonisolated(unsafe) let loop = loop
        return try NamedThread("peer-\(index)") {
            while order.current == .run { loop.turn() }
        }
    }
}
