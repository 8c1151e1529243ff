/// What somebody outside asks of a worker: plain values of a fixed size, so that it is handed over by copying.
///
/// The descriptors are lent to the worker until its result is there: nobody may close them before, since close(2) does not end
/// a request in flight. It passes FIN on and closes nothing.
package struct Job: BitwiseCopyable, @unchecked Sendable {
    package enum Kind: UInt8, BitwiseCopyable, Sendable {
        /// Ties two connected stream sockets, or one to itself.
        case tie
        /// Sends bytes, a part of a file, and bytes again into a connected stream socket.
        case send
        /// Takes another job back: it ends now, and what was in its pipes and buffers comes with its result.
        case takeBack
    }

    package var kind: Kind
    /// Which job this is: a place among those that are open at once, and how often that place has been used. A `takeBack` has
    /// those of the job it ends.
    package var place: UInt32
    package var serial: UInt32 = 0
    package var first: Int32 = -1
    /// Negative where the first one is tied to itself.
    package var second: Int32 = -1
    /// Which of the two speak TCP.
    package var tcp: SideSet = []
    /// Which of those have sent FIN already, so that a hang-up of them is no reset.
    package var shut: SideSet = []
    package var options: JobOptions = []
    /// Bytes from the first to the second, at most; `noLimit` for as many as come. Of a `send`: what it sends in all.
    package var length = Job.noLimit
    /// Of a `send`: the first is the file, which is read from here on.
    package var offset: Int64 = 0
    /// Of a `send`: bytes of it, from its beginning, that have been sent already.
    package var sentBefore: UInt64 = 0
    /// Sent before the file, and after it. They must last until the result is there.
    package var header = UnsafeRawBufferPointer(start: nil, count: 0)
    package var trailer = UnsafeRawBufferPointer(start: nil, count: 0)

    package static let noLimit = UInt64.max

    package init(_ kind: Kind, place: UInt32) {
        self.kind = kind
        self.place = place
    }
}

package struct JobOptions: OptionSet, BitwiseCopyable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Nothing goes from the second to the first.
    package static let oneWay = JobOptions(rawValue: 1)
    /// FIN is not passed on.
    package static let withholdsFin = JobOptions(rawValue: 2)
    /// The sockets keep records apart.
    package static let keepsRecords = JobOptions(rawValue: 4)
    /// TCP_CORK was set for this job, and is taken away with its last byte.
    package static let isCorked = JobOptions(rawValue: 8)
    /// The socket was full: nothing is sent, and the file not looked at, before it has room.
    package static let awaitsRoom = JobOptions(rawValue: 16)
}
