/// One answer: the tag of the submission, and a count or `-errno`.
///
/// The layout is the kernel's `struct io_uring_cqe` (io_uring(7)), so that a reap is a copy.
package struct Completion: BitwiseCopyable, Equatable {
    package let tag: Tag
    package let result: Int32
    package let flags: UInt32

    /// IORING_CQE_F_MORE: the operation goes on and will answer again.
    package static let more: UInt32 = 1 << 1

    /// IORING_CQE_F_BUFFER: a buffer was filled, and its number is in the upper half of the flags.
    package static let withBuffer: UInt32 = 1 << 0
    /// IORING_CQE_F_SOCK_NONEMPTY: there is more to be received.
    package static let sourceNotEmpty: UInt32 = 1 << 2
    private static let bufferShift: UInt32 = 16

    package init(tag: Tag, result: Int32, flags: UInt32 = 0) {
        self.tag = tag
        self.result = result
        self.flags = flags
    }

    package static func flags(buffer: UInt16) -> UInt32 { UInt32(buffer) << bufferShift | withBuffer }

    /// The buffer that was filled.
    package var buffer: UInt16? {
        flags & Self.withBuffer == 0 ? nil : UInt16(truncatingIfNeeded: flags >> Self.bufferShift)
    }

    package var leavesMore: Bool { flags & Self.sourceNotEmpty != 0 }
    package var goesOn: Bool { flags & Self.more != 0 }
}
