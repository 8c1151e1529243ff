import CLinux
import LinuxCalls

/// One check under way, over a socket that never blocks. Nothing in here waits.
final class HealthProbe {
    /// Its place in the pool.
    let server: Int
    let pool: Int
    let endsAtMillis: Int64
    private let socket: OwnedDescriptor
    private let rules: HealthRules
    private var isConnected = false
    private var sentCount = 0
    private var answer: [UInt8] = []

    /// - Parameters:
    ///   - socket: from `connect`; the probe closes it.
    ///   - now: in milliseconds of the monotonic clock.
    init(_ socket: Int32, _ rules: HealthRules, server: Int, pool: Int, at now: Int64) {
        self.socket = OwnedDescriptor(socket)
        self.rules = rules
        self.server = server
        self.pool = pool
        endsAtMillis = now &+ rules.timeoutMillis
    }

    /// A socket that is being connected, or `-errno`.
    /// - Parameter source: where the connection comes from; nil for the kernel's choice.
    static func connect(to address: SocketAddress, from source: SocketAddress?) -> Int32 {
        let socket = clinux_socket(address.family)
        guard socket >= 0 else { return socket }
        var result: Int32 = 0
        if let source {
            result = source.withBytes { clinux_bind_without_port(socket, $0.baseAddress, source.length) }
        }
        if result == 0 { result = address.withBytes { clinux_connect(socket, $0.baseAddress, address.length) } }
        guard result == 0 || result == Errno.inProgress else {
            _ = clinux_close(socket)
            return result
        }
        return socket
    }

    var number: Int32 { socket.number }

    /// Goes as far as it gets at once; nil while there is something to wait for.
    func goOn() -> CheckOutcome? {
        if !isConnected {
            let error = clinux_pending_error(socket.number)
            guard error == 0 else { return CheckOutcome(connect: error) }
            var peer = SocketAddress.unknown
            guard peer.becomePeer(of: socket.number) == 0 else { return nil }
            isConnected = true
        }
        if let outcome = say() { return outcome }
        return listen()
    }

    /// The time is over.
    var overdue: CheckOutcome {
        guard isConnected else { return .failed(.connect(.timedOut)) }
        return .failed(answer.isEmpty ? .silent : .wrongAnswer)
    }

    private func say() -> CheckOutcome? {
        while sentCount < rules.send.count {
            let result = rules.send[sentCount...].withUnsafeBytes {
                clinux_send(socket.number, $0.baseAddress, $0.count)
            }
            if result == Int64(Errno.again) { return nil }
            guard result > 0 else { return .failed(.ended) }
            sentCount += Int(result)
        }
        return nil
    }

    private func listen() -> CheckOutcome? {
        guard sentCount == rules.send.count else { return nil }
        guard !rules.expect.isEmpty else { return .succeeded }
        while answer.count < HealthRules.answerBytesMax {
            let result = withUnsafeTemporaryAllocation(byteCount: Self.pieceBytes, alignment: 1) { buffer in
                let length = min(buffer.count, HealthRules.answerBytesMax - answer.count)
                let result = clinux_receive(socket.number, buffer.baseAddress, length)
                if result > 0 {
                    answer += UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<Int(result)])
                }
                return result
            }
            if result == Int64(Errno.again) { return nil }
            guard result > 0 else { return .failed(answer.isEmpty ? .ended : .wrongAnswer) }
            if Self.occurs(rules.expect, in: answer) { return .succeeded }
        }
        return .failed(.wrongAnswer)
    }

    private static let pieceBytes = 1_024

    static func occurs(_ wanted: [UInt8], in bytes: [UInt8]) -> Bool {
        guard !wanted.isEmpty else { return true }
        guard wanted.count <= bytes.count else { return false }
        return (0...(bytes.count - wanted.count)).contains { bytes[$0...].starts(with: wanted) }
    }
}
