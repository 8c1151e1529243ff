import Glibc

/// Which file it is, and which version of it, as far as fstat(2) can tell.
struct FileIdentity: Equatable {
    private let device: UInt64
    private let inode: UInt64
    private let modified: [Int]
    let bytes: Int

    /// Nil for what is no regular file.
    init?(of descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        bytes = Int(status.st_size)
        // The change time too, since a tool may set the other one back.
        modified = [
            status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
        ]
    }
}
