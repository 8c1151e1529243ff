import CLinux
import Glibc
import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("The fallback file")
struct FallbackFileTests {
    /// A directory that goes with the test.
    final class Folder {
        let path: String

        init() throws {
            path = "/tmp/longsplice-fallback-\(getpid())-\(clinux_monotonic_nanoseconds())"
            try #require(mkdir(path, 0o700) == 0)
        }

        deinit {
            for name in ["page", "new"] { unlink("\(path)/\(name)") }
            rmdir(path)
        }

        var page: String { "\(path)/page" }

        func write(_ bytes: [UInt8], to name: String = "page") throws {
            let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            try #require(file >= 0)
            defer { close(file) }
            var done = 0
            while done < bytes.count {
                let count = bytes[done...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
                try #require(count > 0)
                done += count
            }
        }

        /// As an editor or a deployment does it: under another name, and then renamed.
        func replace(_ bytes: [UInt8]) throws {
            try write(bytes, to: "new")
            try #require(rename("\(path)/new", page) == 0)
        }
    }

    private func content(of descriptor: Int32) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(max(0, clinux_file_size(descriptor))))
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return Array(bytes.prefix(max(0, count)))
    }

    private func bytes(_ count: Int, _ seed: Int = 0) -> [UInt8] {
        let period = (0..<256).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) }
        var bytes: [UInt8] = []
        while bytes.count < count { bytes += period.prefix(count - bytes.count) }
        return bytes
    }

    /// Without the optimiser, comparing arrays takes seconds for the largest.
    private func areSame(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && memcmp(one, other, one.count) == 0
    }

    @Test("is copied as it is, of every size up to the largest", arguments: [0, 1, 65_536, 65_537, 16 << 20])
    func copies(size: Int) throws {
        let folder = try Folder()
        let wanted = bytes(size)
        try folder.write(wanted)
        let file = try FallbackFile(folder.page)
        #expect(file.bytes == size)
        let isSame = areSame(content(of: file.descriptor), wanted)
        #expect(isSame)
    }

    @Test("cannot be changed in memory")
    func isSealed() throws {
        let folder = try Folder()
        try folder.write(bytes(100))
        let file = try FallbackFile(folder.page)
        var byte: UInt8 = 1
        #expect(pwrite(file.descriptor, &byte, 1, 0) < 0 && errno == EPERM)
        #expect(ftruncate(file.descriptor, 10) < 0 && errno == EPERM)
    }

    @Test("is refused, with the cure, where it is none that can be sent")
    func refusals() throws {
        let folder = try Folder()
        func problem(_ path: String) -> String? {
            do throws(ValueProblem) {
                _ = try FallbackFile(path)
                return nil
            } catch {
                return "\(error.reason); \(error.cure)"
            }
        }
        #expect(problem(folder.page) == "does not exist; name a file that does")
        #expect(problem(folder.path) == "is no regular file; name a file, such as a maintenance page")
        #expect(problem("/dev/zero") == "is no regular file; name a file, such as a maintenance page")
        try #require(mkfifo(folder.page, 0o600) == 0)
        #expect(problem(folder.page) == "is no regular file; name a file, such as a maintenance page")
        unlink(folder.page)
        try folder.write(bytes(FallbackFile.bytesMax + 1))
        #expect(problem(folder.page) == "has 16777217 bytes; name a file of at most 16MiB")
    }

    @Test("is read anew when another file takes its place, and whoever has begun keeps the old one")
    func renewed() throws {
        let folder = try Folder()
        try folder.write(bytes(1_000))
        let file = try FallbackFile(folder.page)
        let begun = OwnedDescriptor(clinux_duplicate(file.descriptor))
        #expect(file.look() == nil)
        try folder.replace(bytes(2_000, 7))
        #expect(file.look() == nil, "perhaps half written")
        #expect(file.look() == .renewed)
        #expect(file.bytes == 2_000 && content(of: file.descriptor) == bytes(2_000, 7))
        #expect(content(of: begun.number) == bytes(1_000))
        #expect(file.look() == nil)
    }

    @Test("is read anew when it was written in place, once that has settled")
    func writtenInPlace() throws {
        let folder = try Folder()
        try folder.write(bytes(1_000))
        let file = try FallbackFile(folder.page)
        try folder.write(bytes(10, 1))
        #expect(file.look() == nil, "perhaps half written")
        try folder.write(bytes(20, 1))
        #expect(file.look() == nil, "and it was")
        #expect(file.look() == .renewed)
        #expect(content(of: file.descriptor) == bytes(20, 1))
    }

    @Test("stays as it was while it cannot be read, which is told once")
    func gone() throws {
        let folder = try Folder()
        try folder.write(bytes(1_000))
        let file = try FallbackFile(folder.page)
        unlink(folder.page)
        let problem = ValueProblem("does not exist", cure: "name a file that does")
        #expect(file.look() == .trouble(problem))
        #expect(file.look() == nil)
        #expect(content(of: file.descriptor) == bytes(1_000))
        try folder.write(bytes(FallbackFile.bytesMax + 1))
        let other = ValueProblem("has 16777217 bytes", cure: "name a file of at most 16MiB")
        #expect(file.look() == .trouble(other))
        try folder.write(bytes(500, 3))
        _ = file.look()
        #expect(file.look() == .renewed)
        #expect(content(of: file.descriptor) == bytes(500, 3))
    }

    @Test("is told of when it is there again as it was")
    func recovered() throws {
        let folder = try Folder()
        try folder.write(bytes(1_000))
        let file = try FallbackFile(folder.page)
        let away = "\(folder.path)/new"
        try #require(rename(folder.page, away) == 0)
        _ = file.look()
        try #require(rename(away, folder.page) == 0)
        // A rename may change the change time, and then it counts as another version.
        let news = [file.look(), file.look()]
        #expect(news.contains(.renewed) || news.contains(.recovered))
        #expect(content(of: file.descriptor) == bytes(1_000))
    }
}
