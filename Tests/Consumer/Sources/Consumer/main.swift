import Glibc
import Longsplice

// What a program gets that knows Longsplice by its public declarations alone.

/// Two ends of one connection.
struct Pair: ~Copyable {
    let outer: OwnedDescriptor
    let inner: OwnedDescriptor

    init() {
        var ends: [Int32] = [-1, -1]
        precondition(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0, "socketpair")
        outer = OwnedDescriptor(owning: ends[0])
        inner = OwnedDescriptor(owning: ends[1])
    }

    /// Writes at the outer end, and ends the stream behind it.
    func tell(_ text: StaticString) {
        let written = write(outer.lent.number, text.utf8Start, text.utf8CodeUnitCount)
        precondition(written == text.utf8CodeUnitCount, "write")
        precondition(shutdown(outer.lent.number, Int32(SHUT_WR)) == 0, "shutdown")
    }

    /// What comes out of the outer end, up to the end of the stream.
    func hear() -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64)
        while case let count = read(outer.lent.number, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}

let splicer = try Splicer()
let near = Pair()
let far = Pair()
near.tell("there")
far.tell("and back")
let outcome = try await splicer.splice(near.inner.lent, far.inner.lent)
print("\(splicer.engine): \(outcome)")
precondition(outcome.ending == .finished && outcome.bytesToSecond == 5 && outcome.bytesToFirst == 8)
precondition(far.hear() == "there" && near.hear() == "and back")

// This program, as a file.
let program = OwnedDescriptor(owning: open("/proc/self/exe", O_RDONLY | O_CLOEXEC))
let end = Pair()
let socket = try SendfileSocket(end.inner.lent, on: splicer)
for part in [0, 1] as [UInt64] {
    let sent = try await socket.sendfile(program.lent, offset: 1 + part, length: 1, headers: [Array("it is ".utf8)])
    precondition(sent == 7)
}
precondition(shutdown(end.inner.lent.number, Int32(SHUT_WR)) == 0 && end.hear() == "it is Eit is L")

do throws(SpliceError) {
    _ = try await splicer.splice(near.inner.lent, near.inner.lent)
    preconditionFailure("a socket was tied to itself unasked")
} catch {
    precondition(error.reason == .sameSocket && error.errno == EINVAL)
}
