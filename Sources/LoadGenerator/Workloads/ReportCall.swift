import CLinux
import LinuxCalls

/// Asks the far end for its outcomes, through the target itself.
struct ReportCall {
    private let settings: RunSettings
    private let run: UInt64
    private let deadline: Int64
    private static let bytesMax = 64 << 20

    init(_ settings: RunSettings, run: UInt64, deadline: Int64) {
        self.run = run
        self.settings = settings
        self.deadline = deadline
    }

    /// One whole report, nil where none came in time.
    func ask(_ target: SocketAddress, source: SocketAddress?) -> PeerReport? {
        let made = clinux_socket(target.family)
        guard made >= 0, let waiter = Waiter(made) else { return nil }
        let socket = OwnedDescriptor(made)
        if let source {
            let bound = source.withBytes { clinux_bind_without_port(socket.number, $0.baseAddress, source.length) }
            guard bound >= 0 else { return nil }
        }
        let connected = target.withBytes { clinux_connect(socket.number, $0.baseAddress, target.length) }
        guard connected >= 0 || connected == Errno.inProgress else { return nil }
        guard sendHeader(socket.number, waiter) else { return nil }
        return receive(socket.number, waiter).flatMap { PeerReport($0) }
    }

    private func sendHeader(_ socket: Int32, _ waiter: Waiter) -> Bool {
        var words = InlineArray<12, UInt64>(repeating: 0)
        let header = Header(.report, settings.wireRecipe, seed: settings.seed, id: 0, run: run)
        withUnsafeMutableBytes(of: &words) { header.write(to: $0) }
        var sent = 0
        while sent < Header.bytes {
            let count = withUnsafeBytes(of: words) {
                clinux_send(socket, $0.baseAddress?.advanced(by: sent), $0.count - sent)
            }
            if count > 0 {
                sent += Int(count)
            } else {
                let isWaiting = count == Int64(Errno.again) || count == Int64(Errno.notConnected)
                guard isWaiting, waiter.wait(until: deadline) else { return false }
            }
        }
        return true
    }

    /// A whole report. How the connection ends is not looked at: a relay that is bad at endings can still tell of them.
    private func receive(_ socket: Int32, _ waiter: Waiter) -> [UInt8]? {
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 8)
        defer { chunk.deallocate() }
        var bytes: [UInt8] = []
        while bytes.count <= Self.bytesMax {
            let count = clinux_receive(socket, chunk.baseAddress, chunk.count)
            switch count {
            case 1...:
                bytes.append(contentsOf: chunk[..<Int(count)])
                if bytes.withUnsafeBytes({ PeerReport.wholeBytes($0) }) == bytes.count { return bytes }
            case Int64(Errno.again), Int64(Errno.interrupted):
                guard waiter.wait(until: deadline) else { return nil }
            // FIN or an error: what is missing does not come any more.
            default: return nil
            }
        }
        return nil
    }
}
