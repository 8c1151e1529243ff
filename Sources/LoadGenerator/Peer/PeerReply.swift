import CLinux
import LinuxCalls

/// A report on its way.
struct PeerReply {
    private let bytes: [UInt8]
    private var index = 0
    private(set) var hasFailed = false

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isDone: Bool { index == bytes.count }

    /// Sends what the socket takes now; gives how much that was.
    mutating func send(to socket: Int32) -> Int {
        let start = index
        while index < bytes.count {
            let count = bytes.withUnsafeBytes {
                clinux_send(socket, $0.baseAddress?.advanced(by: index), $0.count - index)
            }
            if count == Int64(Errno.again) { break }
            guard count > 0 else {
                hasFailed = true
                break
            }
            index += Int(count)
        }
        return index - start
    }
}
