/// The kernel's answers that this project tells apart, as the `-errno` they arrive as.
///
/// Plain literals (asm-generic/errno.h; the same on every architecture Swift supports on Linux), so that a `switch` over
/// them needs no global's lazy initialisation.
package enum Errno {
    package static let interrupted: Int32 = -4  // EINTR
    package static let inputOutput: Int32 = -5  // EIO
    package static let badDescriptor: Int32 = -9  // EBADF
    package static let again: Int32 = -11  // EAGAIN
    package static let noMemory: Int32 = -12  // ENOMEM
    package static let notPermitted: Int32 = -1  // EPERM
    package static let noEntry: Int32 = -2  // ENOENT
    package static let accessDenied: Int32 = -13  // EACCES
    package static let busy: Int32 = -16  // EBUSY
    package static let noDevice: Int32 = -19  // ENODEV
    package static let notDirectory: Int32 = -20  // ENOTDIR
    package static let invalid: Int32 = -22  // EINVAL
    package static let tooManyInSystem: Int32 = -23  // ENFILE
    package static let tooManyInProcess: Int32 = -24  // EMFILE
    package static let readOnly: Int32 = -30  // EROFS
    package static let brokenPipe: Int32 = -32  // EPIPE
    package static let noSystemCall: Int32 = -38  // ENOSYS
    package static let noData: Int32 = -61  // ENODATA
    package static let timerExpired: Int32 = -62  // ETIME
    package static let protocolError: Int32 = -71  // EPROTO
    package static let notSocket: Int32 = -88  // ENOTSOCK
    package static let messageSize: Int32 = -90  // EMSGSIZE
    package static let protocolType: Int32 = -91  // EPROTOTYPE
    package static let socketTypeNotSupported: Int32 = -94  // ESOCKTNOSUPPORT
    package static let notSupported: Int32 = -95  // EOPNOTSUPP
    package static let addressInUse: Int32 = -98  // EADDRINUSE
    package static let addressNotAvailable: Int32 = -99  // EADDRNOTAVAIL
    package static let networkUnreachable: Int32 = -101  // ENETUNREACH
    package static let aborted: Int32 = -103  // ECONNABORTED
    package static let reset: Int32 = -104  // ECONNRESET
    package static let noBuffers: Int32 = -105  // ENOBUFS
    package static let notConnected: Int32 = -107  // ENOTCONN
    package static let timedOut: Int32 = -110  // ETIMEDOUT
    package static let refused: Int32 = -111  // ECONNREFUSED
    package static let hostUnreachable: Int32 = -113  // EHOSTUNREACH
    package static let inProgress: Int32 = -115  // EINPROGRESS
    package static let canceled: Int32 = -125  // ECANCELED
    /// ERESTARTSYS, which is the kernel's own and is meant for nobody outside. io_uring does not turn it into EINTR for
    /// splice, so a SIGSTOP of the process shows as this (kernel: splice_to_socket, io_splice).
    package static let restart: Int32 = -512
}
