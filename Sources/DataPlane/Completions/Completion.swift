/// One answer: the tag of the submission, and a count or `-errno`.
///
/// The layout is the kernel's `struct io_uring_cqe` (io_uring(7)), so that a reap is a copy.
package struct Completion: BitwiseCopyable, Equatable {
    package let tag: Tag
    package let result: Int32
    package let flags: UInt32

    /// IORING_CQE_F_MORE: the operation goes on and will answer again.
    package static let more: UInt32 = 1 << 1

    package init(tag: Tag, result: Int32, flags: UInt32 = 0) {
        self.tag = tag
        self.result = result
        self.flags = flags
    }

    package var goesOn: Bool { flags & Self.more != 0 }
}
