import Glibc
import LinuxCalls

/// Addresses that this machine knows by itself (hosts(5)).
enum HostsFile {
    private static let bytesMax = 1 << 20

    /// In the file's order; none where it cannot be read.
    static func addresses(of name: String, path: String = "/etc/hosts") -> [HostAddress] {
        addresses(of: name, in: text(path))
    }

    static func addresses(of name: String, in text: String) -> [HostAddress] {
        let wanted = (name.hasSuffix(".") ? String(name.dropLast()) : name).lowercased()
        return text.split(whereSeparator: \.isNewline).compactMap { line in
            let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }
            guard let first = words.first, words.dropFirst().contains(where: { $0.lowercased() == wanted }) else {
                return nil
            }
            return SocketAddress(numeric: String(first), port: 0).flatMap { HostAddress($0) }
        }
    }

    /// What is longer than anybody writes is cut.
    private static func text(_ path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4_096)
        while bytes.count < bytesMax {
            let count = read(file, &part, part.count)
            guard count > 0 else { break }
            bytes += part[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
