import CLinux
import LinuxCalls

/// A socket while it is lent: by its owner's descriptor at first, and by a duplicate from when its owner is let go on.
struct LentSocket: ~Copyable {
    private(set) var number: Int32
    let identity: SocketIdentity
    private let use: LentSockets.Use
    private let name: StaticString
    private var isDuplicate = false
    /// Who has lent it goes on having it so.
    private let isHeldByOther: Bool
    /// TCP_CORK as its owner has it, where that was asked before.
    private let knownCork: Bool?

    init(
        _ descriptor: Descriptor, _ identity: SocketIdentity, _ use: LentSockets.Use, _ name: StaticString,
        isForSplicing: Bool = true
    ) throws(SpliceError) {
        guard LentSockets.lend(descriptor.number, identity, use, isForSplicing: isForSplicing) else {
            throw SpliceError(
                .busy, Errno.busy,
                "\(name): another call or a SendfileSocket has the socket of descriptor \(descriptor.number); await it, or let go of that one, first"
            )
        }
        number = descriptor.number
        self.identity = identity
        self.use = use
        self.name = name
        isHeldByOther = false
        knownCork = nil
    }

    /// For one call, of a socket that is lent for many.
    init(of holder: borrowing LentSocket, isCorkedByOwner: Bool) {
        number = holder.number
        identity = holder.identity
        use = holder.use
        name = holder.name
        isHeldByOther = true
        knownCork = isCorkedByOwner
    }

    /// A stream socket that a file is to be sent into.
    static func forSending(into socket: Descriptor) throws(SpliceError) -> LentSocket {
        let identity = try SocketIdentity(socket, "socket", isToBeWritten: true)
        guard identity.kind == .stream else {
            throw SpliceError(
                .unsupportedType, Errno.socketTypeNotSupported,
                "socket: the one of descriptor \(socket.number) keeps records apart; sendfile wants a stream")
        }
        return try LentSocket(socket, identity, .writes, "socket", isForSplicing: false)
    }

    /// TCP_CORK, as its owner has it.
    var isCorkedByOwner: Bool { knownCork ?? (identity.speaksTCP && clinux_is_corked(number) != 0) }

    mutating func duplicate(below descriptorsMax: Int) throws(SpliceError) {
        let number = clinux_duplicate(number)
        guard number >= 0 else {
            throw SpliceError(
                .noDescriptors, number, "\(name): no descriptor for a duplicate; raise RLIMIT_NOFILE (ulimit -n)")
        }
        guard Int(number) < descriptorsMax else {
            _ = clinux_close(number)
            throw SpliceError(
                .noDescriptors, Errno.tooManyInProcess,
                "\(name): its duplicate is descriptor \(number), beyond \(descriptorsMax - 1)")
        }
        self.number = number
        isDuplicate = true
    }

    deinit {
        if !isHeldByOther { LentSockets.takeBack(number, identity, use) }
        if isDuplicate { _ = clinux_close(number) }
    }
}
