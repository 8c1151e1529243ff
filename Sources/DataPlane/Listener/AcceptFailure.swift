import LinuxCalls

/// What a failed accept means (accept(2)).
enum AcceptFailure: BitwiseCopyable {
    /// The client went before it was accepted; the listener is as good as before.
    case aborted
    /// Our own withdrawal.
    case withdrawn
    /// EMFILE, ENFILE: wait until somebody closes something.
    case shortOfDescriptors
    /// ENOBUFS, ENOMEM: wait.
    case shortOfMemory
    /// Whatever else: wait as well, so that no error can spin.
    case otherwise

    init(_ result: Int32) {
        switch result {
        case Errno.aborted, Errno.protocolError, Errno.interrupted, Errno.restart, Errno.again: self = .aborted
        case Errno.canceled: self = .withdrawn
        case Errno.tooManyInProcess, Errno.tooManyInSystem: self = .shortOfDescriptors
        case Errno.noBuffers, Errno.noMemory: self = .shortOfMemory
        default: self = .otherwise
        }
    }
}
