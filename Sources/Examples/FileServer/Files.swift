import Glibc
import Longsplice

/// The files of one folder, or one file alone: each opened once, when the server starts.
///
/// A name that a client sends is only looked up here and reaches no system call, so there is no path to climb.
struct Files: Sendable {
    struct File: Sendable {
        let descriptor: Descriptor
        let size: UInt64
        /// What goes before its bytes.
        let header: [UInt8]
    }

    private var files: [String: File] = [:]

    init(at path: String) {
        guard let folder = opendir(path) else {
            add(path, as: String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...]))
            return
        }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { add("\(path)/\(name)", as: name) }
        }
        closedir(folder)
    }

    var isEmpty: Bool { files.isEmpty }

    /// The file of a request's target, `/name`.
    subscript(target: String) -> File? {
        target.hasPrefix("/") ? files[String(target.dropFirst())] : nil
    }

    /// What is no regular file, or cannot be opened, is not served. Without O_NONBLOCK a named pipe would hold up the start.
    private mutating func add(_ path: String, as name: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return
        }
        files[name] = File(
            descriptor: Descriptor(descriptor), size: UInt64(status.st_size), header: Array(Self.header(status).utf8))
    }

    private static func header(_ status: stat) -> String {
        let version = String(status.st_mtim.tv_sec, radix: 16) + "-" + String(status.st_size, radix: 16)
        let lines = [
            "HTTP/1.1 200 OK", "Server: file-server", "Content-Type: application/octet-stream",
            "Content-Length: \(status.st_size)", "Last-Modified: \(date(status.st_mtim.tv_sec))",
            "ETag: \"\(version)\"", "Connection: keep-alive", "Accept-Ranges: none",
        ]
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }

    /// As RFC 9110 writes it (5.6.7); English, since the program sets no locale.
    private static func date(_ seconds: Int) -> String {
        var (time, fields) = (seconds, tm())
        gmtime_r(&time, &fields)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            guard let start = text.baseAddress, strftime(start, text.count, "%a, %d %b %Y %H:%M:%S GMT", &fields) > 0
            else { return "" }
            return String(cString: start)
        }
    }
}
