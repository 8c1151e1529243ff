import CLinux
import Glibc
import LinuxCalls

/// The file that stands for a listening UNIX socket.
///
/// It outlives the socket, so one that nobody listens on any more is removed before binding; and at the end only the file
/// that was made here is removed, not the one of a successor at the same path.
package struct SocketFile: Sendable {
    private let path: String
    private let identity: Identity

    /// A number alone is not enough: a file system may give a removed file's number to the next one. The modification
    /// time stays when the file's mode or owner is changed.
    private struct Identity: Equatable {
        let device: UInt64
        let inode: UInt64
        let modifiedSeconds: Int
        let modifiedNanoseconds: Int
    }

    /// Clears the way for bind(2). Throws where something else is there, or where somebody listens.
    package static func clearWay(to address: SocketAddress) throws(ValueProblem) {
        guard let path = address.unixPath, let found = look(path) else { return }
        guard found.isSocket else {
            throw ValueProblem("is a file that is no socket", cure: "choose another path or remove the file")
        }
        guard isForsaken(address) else {
            throw ValueProblem("is in use", cure: "stop the program that listens there or choose another path")
        }
        unlink(path)
    }

    /// The file that binding has just made; nil where `address` is no path.
    package init?(madeBy address: SocketAddress) {
        guard let path = address.unixPath, let found = Self.look(path) else { return nil }
        self.path = path
        identity = found.identity
    }

    /// Removes the file, if it is still the same one.
    package func remove() {
        guard let found = Self.look(path), found.identity == identity else { return }
        unlink(path)
    }

    /// Nobody listens: connect(2) is refused.
    private static func isForsaken(_ address: SocketAddress) -> Bool {
        let number = clinux_socket(address.family)
        guard number >= 0 else { return false }
        let socket = OwnedDescriptor(number)
        let result = address.withBytes { clinux_connect(socket.number, $0.baseAddress, address.length) }
        return result == Errno.refused
    }

    private static func look(_ path: String) -> (isSocket: Bool, identity: Identity)? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        let identity = Identity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), modifiedSeconds: status.st_mtim.tv_sec,
            modifiedNanoseconds: status.st_mtim.tv_nsec)
        return (status.st_mode & S_IFMT == S_IFSOCK, identity)
    }
}
