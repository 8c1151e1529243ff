import Glibc
import Longsplice

/// A socket or file of the program's own; sockets do not block.
final class End: Sendable {
    let number: Int32

    init(_ number: Int32) {
        check(number >= 0, "a descriptor of the test's own: errno \(errno)")
        self.number = number
    }

    deinit { close(number) }

    var lent: Descriptor { Descriptor(number) }

    /// As much of it as there is room for.
    func tell(_ count: Int) -> Int {
        let bytes = [UInt8](repeating: 7, count: count)
        return max(0, send(number, bytes, count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)))
    }

    func finish() { check(shutdown(number, Int32(SHUT_WR)) == 0, "shutdown") }

    /// RST, and the socket is gone for its peer.
    func reset() {
        var nobody = sockaddr()
        nobody.sa_family = sa_family_t(AF_UNSPEC)
        check(connect(number, &nobody, socklen_t(MemoryLayout<sockaddr>.size)) == 0, "a reset")
    }

    /// Reads away `count` bytes, or all up to the end; what came before that is the answer.
    func hear(_ count: Int = .max) async -> Int {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var heard = 0
        while heard < count {
            let got = recv(number, &buffer, min(buffer.count, count - heard), Int32(MSG_DONTWAIT))
            if got == 0 || (got < 0 && errno != EAGAIN) { break }
            if got > 0 { heard += got } else { await pause() }
        }
        return heard
    }
}

/// A while, and then the others' turn. Not by a timer of the language's, which makes descriptors when it likes.
func pause(micros: UInt32 = 1_000) async {
    usleep(micros)
    await Task.yield()
}

/// Two pairs: the outer ends are the peers, the inner ends are to be tied.
struct Scene: Sendable {
    let near: End
    let first: End
    let second: End
    let far: End

    enum Family: CaseIterable {
        case tcp
        case unix
        case packets
        case datagrams
    }

    init(_ family: Family) {
        (near, first) = Self.pair(family)
        (far, second) = Self.pair(family)
    }

    /// All four ends are open until here.
    func keep() { withExtendedLifetime(self) {} }

    static func pair(_ family: Family) -> (End, End) {
        switch family {
        case .tcp: tcp()
        case .unix: unix(Int32(SOCK_STREAM.rawValue))
        case .packets: unix(Int32(SOCK_SEQPACKET.rawValue))
        case .datagrams: unix(Int32(SOCK_DGRAM.rawValue))
        }
    }

    private static func unix(_ type: Int32) -> (End, End) {
        var ends: [Int32] = [-1, -1]
        check(socketpair(AF_UNIX, type, 0, &ends) == 0, "socketpair: errno \(errno)")
        return (End(ends[0]), End(ends[1]))
    }

    private static func tcp() -> (End, End) {
        let listener = End(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let near = End(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        withUnsafeMutablePointer(to: &address) { place in
            place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
                check(bind(listener.number, place, length) == 0 && listen(listener.number, 1) == 0, "listen")
                check(getsockname(listener.number, place, &length) == 0, "getsockname")
                check(connect(near.number, place, length) == 0, "connect: errno \(errno)")
            }
        }
        return (near, End(accept(listener.number, nil, nil)))
    }
}

/// A file without a name.
enum Files {
    /// A hole, which costs no disk.
    static func hole(_ bytes: Int) -> End {
        let file = unnamed()
        check(ftruncate(file.number, bytes) == 0, "ftruncate")
        return file
    }

    /// Bytes on a disk, and none of them in the page cache.
    static func cold(_ bytes: Int) -> End {
        let file = unnamed()
        let content = [UInt8](repeating: 9, count: bytes)
        check(write(file.number, content, bytes) == bytes && fdatasync(file.number) == 0, "write")
        check(posix_fadvise(file.number, 0, 0, POSIX_FADV_DONTNEED) == 0, "posix_fadvise")
        return file
    }

    private static func unnamed() -> End {
        var path = Array("/var/tmp/longsplice-leaks-XXXXXX".utf8CString)
        let file = End(mkstemp(&path))
        check(unlink(path) == 0, "unlink")
        return file
    }
}
