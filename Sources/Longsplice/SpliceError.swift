import LinuxCalls

/// Why a call was refused before it moved anything.
public struct SpliceError: Error, Sendable, Equatable {
    /// What is wrong. Those of the sockets are the ancestor's, the 2005 patch's `sys_splice`.
    public enum Reason: Sendable, Equatable {
        /// `EBADF`: the number is no open descriptor.
        case notADescriptor
        /// `ENOTSOCK`: it is a descriptor, and not of a socket.
        case notASocket
        /// `ESOCKTNOSUPPORT`: a socket that splicing does not know, or two of different types.
        case unsupportedType
        /// `ENOTCONN`: it has no peer, or listens.
        case notConnected
        /// `EINVAL`: the same socket was given twice without `.loopback`, or two with it.
        case sameSocket
        /// `EBUSY`: another call reads from it or writes to it, or a `SendfileSocket` has it.
        case busy
        /// `EMFILE`, `ENFILE`: no descriptor could be had, for a duplicate or for the splicer itself.
        case noDescriptors
        /// `EAGAIN`: as many calls are under way as the splicer was made for.
        case atCapacity
        /// `EINVAL`: an argument is outside of what is allowed.
        case invalidArgument
        /// The engine that was asked for cannot be had here: `ENOSYS`, or what else the kernel says, such as `EPERM`.
        case noEngine
        /// Whatever else the kernel says.
        case system
    }

    /// What is wrong.
    public let reason: Reason
    /// The errno that says so, e.g. `ENOTSOCK` = 88.
    public let errno: Int32
    /// The sentence: which argument, why, and what helps.
    public let description: String

    init(_ reason: Reason, _ errno: Int32, _ description: String) {
        self.reason = reason
        self.errno = errno < 0 ? 0 &- errno : errno
        self.description = description
    }

    init(_ error: SystemError) { self.init(.system, error.code, error.description) }
}

extension SpliceError: CustomStringConvertible {}
