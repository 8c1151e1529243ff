import CLinux

/// A file descriptor that somebody else owns: a number, lent for one call.
///
/// A splicer never closes it. For the time of a call it works on a duplicate (F_DUPFD_CLOEXEC, fcntl(2)), so that the owner may
/// close its own descriptor at any time; the socket or file behind it then goes away with the call's end.
public struct Descriptor: Sendable, Hashable {
    /// As the kernel counts them, from 0.
    public let number: Int32

    /// Lends a descriptor. Whether it is one is found out by the call it is lent to.
    public init(_ number: Int32) { self.number = number }
}

/// A socket or file that is owned here: closed when its owner lets go of it.
public struct OwnedDescriptor: ~Copyable, Sendable {
    private let number: Int32

    /// Takes over a descriptor, which nobody else may close from here on.
    public init(owning number: Int32) { self.number = number }

    deinit { _ = clinux_close(number) }

    /// Lends it to a call; it must outlive the call's beginning.
    public var lent: Descriptor { Descriptor(number) }

    /// Gives the number away; closing it is up to the caller from here on.
    public consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}
