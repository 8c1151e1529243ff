/// What the first bytes of a stream have come to. A look is a pure function of all bytes so far, from the stream's
/// start, and has an answer for any bytes whatever; more bytes can change `incomplete` only.
package enum PrologueLook<Found: BitwiseCopyable>: BitwiseCopyable {
    /// Not whole yet: before there are so many bytes, counted from the stream's start, another look tells nothing new.
    /// Always more than were given.
    case incomplete(needed: Int)
    case found(Found)
    /// These bytes are none, whatever follows.
    case refused(PrologueFault)
}

/// Why a look ends without having found anything; the parsers throw it among themselves.
enum LookStop: Error, BitwiseCopyable {
    case incomplete(needed: Int)
    case refused(PrologueFault)
}

extension PrologueLook {
    init(_ stop: LookStop) {
        switch stop {
        case .incomplete(let needed): self = .incomplete(needed: needed)
        case .refused(let fault): self = .refused(fault)
        }
    }
}
