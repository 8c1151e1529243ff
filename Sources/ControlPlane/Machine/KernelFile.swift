import Glibc

/// A small file of the kernel's, as under `/proc/sys`.
enum KernelFile {
    /// The text without white space at its ends, nil where it cannot be read; at most 4 KiB.
    static func text(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(file, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let trimmed = bytes[..<count].trimming { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: " ") }
        return String(decoding: trimmed, as: UTF8.self)
    }

    static func number(_ path: String) -> Int? { text(path).flatMap { Int($0) } }
}

extension ArraySlice<UInt8> {
    fileprivate func trimming(_ isUnwanted: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        let head = drop(while: isUnwanted)
        guard let last = head.lastIndex(where: { !isUnwanted($0) }) else { return [] }
        return head[...last]
    }
}
