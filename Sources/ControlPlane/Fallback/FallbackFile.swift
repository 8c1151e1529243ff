import CLinux
import Glibc
import LinuxCalls

/// The file for clients without an upstream: a sealed copy in memory, behind one descriptor whose number never changes.
///
/// The workers duplicate the descriptor and send what is behind it, so nobody waits for a disk, and whoever has begun with one
/// version ends with it. A new version takes the old one's place at once (dup3(2)).
package final class FallbackFile {
    /// It is kept in memory; a maintenance page needs no more.
    package static let bytesMax = 16 << 20

    package let path: String
    package let descriptor: Int32
    package private(set) var bytes: Int
    /// Of what was copied last.
    private var copied: FileIdentity
    /// What the last look has seen, where it was not copied yet.
    private var settling: FileIdentity?
    private var trouble: ValueProblem?

    /// Throws what is wrong with the file; then nothing is left open.
    package init(_ path: String) throws(ValueProblem) {
        let copy = try Self.copy(path)
        self.path = path
        descriptor = copy.descriptor.release()
        bytes = copy.bytes
        copied = copy.identity
    }

    deinit { _ = clinux_close(descriptor) }

    /// What a look has found.
    package enum News: Equatable {
        case renewed
        /// It cannot be read, and what was read before goes on being sent. Told once, until that changes.
        case trouble(ValueProblem)
        /// It is there again, as it was.
        case recovered
    }

    /// Looks whether the file is another one, and takes it over then. Nil where there is nothing to tell.
    package func look() -> News? {
        do throws(ValueProblem) {
            let found = try Self.openFile(path).identity
            guard found != copied else {
                settling = nil
                return recover()
            }
            // It may be half written: it is left alone until nothing has changed between two looks.
            guard found == settling else {
                settling = found
                return nil
            }
            let copy = try Self.copy(path)
            guard clinux_replace(copy.descriptor.number, descriptor) >= 0 else { return nil }
            bytes = copy.bytes
            copied = copy.identity
            (settling, trouble) = (nil, nil)
            return .renewed
        } catch {
            settling = nil
            guard trouble != error else { return nil }
            trouble = error
            return .trouble(error)
        }
    }

    private func recover() -> News? {
        guard trouble != nil else { return nil }
        trouble = nil
        return .recovered
    }

    // MARK: Reading

    private struct Copy: ~Copyable {
        let descriptor: OwnedDescriptor
        let bytes: Int
        let identity: FileIdentity
    }

    private struct Source: ~Copyable {
        let file: OwnedDescriptor
        let identity: FileIdentity
    }

    /// Without waiting for anybody, as opening a FIFO would.
    private static func openFile(_ path: String) throws(ValueProblem) -> Source {
        let opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard opened >= 0 else { throw problem(SystemError(-errno, in: "open")) }
        let file = OwnedDescriptor(opened)
        guard let identity = FileIdentity(of: file.number) else {
            throw ValueProblem("is no regular file", cure: "name a file, such as a maintenance page")
        }
        guard identity.bytes <= bytesMax else {
            throw ValueProblem(
                "has \(identity.bytes) bytes", cure: "name a file of at most \(ByteSize(bytes: bytesMax))")
        }
        return Source(file: file, identity: identity)
    }

    private static func copy(_ path: String) throws(ValueProblem) -> Copy {
        let source = try openFile(path)
        let copy: Copy
        do throws(SystemError) {
            copy = try sealedCopy(of: source.file.number, source.identity)
        } catch {
            throw ValueProblem("cannot be read: \(error)", cure: "name a file that can be read")
        }
        guard FileIdentity(of: source.file.number) == source.identity, copy.bytes == source.identity.bytes else {
            throw ValueProblem("changes while it is read", cure: "write it under another name and rename that")
        }
        return copy
    }

    private static func sealedCopy(of file: Int32, _ identity: FileIdentity) throws(SystemError) -> Copy {
        let memory = OwnedDescriptor(try checked(clinux_memory_file("fallback"), "memfd_create"))
        let bytes = try transfer(file, memory.number)
        _ = try checked(clinux_seal(memory.number), "fcntl")
        return Copy(descriptor: memory, bytes: bytes, identity: identity)
    }

    /// Returns how many bytes there were: a few more than may be at most, where it has grown meanwhile.
    private static func transfer(_ from: Int32, _ to: Int32) throws(SystemError) -> Int {
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: 65_536, alignment: 64)
        defer { buffer.deallocate() }
        var total = 0
        while total <= bytesMax {
            let count = Int(clinux_read(from, buffer, 65_536))
            if count == Int(Errno.interrupted) { continue }
            guard count >= 0 else { throw SystemError(Int32(count), in: "read") }
            guard count > 0 else { break }
            var done = 0
            while done < count {
                let written = Int(clinux_write(to, buffer + done, count - done))
                guard written > 0 else { throw SystemError(Int32(written), in: "write") }
                done += written
            }
            total += count
        }
        return total
    }

    private static func problem(_ error: SystemError) -> ValueProblem {
        switch -error.code {
        case Errno.noEntry, Errno.notDirectory:
            ValueProblem("does not exist", cure: "name a file that does")
        case Errno.accessDenied, Errno.notPermitted:
            ValueProblem("may not be read (\(error.name))", cure: "let this user read it")
        default:
            ValueProblem("cannot be opened: \(error)", cure: "name a file that can be read")
        }
    }
}
