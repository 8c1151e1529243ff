/// What has become of a job. The worker has nothing to do with its sockets any more.
package struct JobResult: BitwiseCopyable, @unchecked Sendable {
    package var place: UInt32 = 0
    package var serial: UInt32 = 0
    package var ender = ConnectionEnder.longsplice
    package var end = ConnectionEnd.stopped
    /// What the kernel said last, where that ended it: `-errno`, 0 otherwise.
    package var failure: Int32 = 0
    /// The next bytes of the file are not in the page cache: whoever may wait for a disk has to send some.
    package var isCold = false
    /// The file had less than was to be sent.
    package var isCutShort = false
    /// Bytes that reached the second socket, and the first one.
    package var bytesUp: UInt64 = 0
    package var bytesDown: UInt64 = 0
    /// What was taken from one socket and has not reached the other.
    package var leftUp = LeftBytes()
    package var leftDown = LeftBytes()
    /// From the job's beginning, in nanoseconds: until its end, and until each direction moved last.
    package var nanos: Int64 = 0
    package var lastUpNanos: Int64 = 0
    package var lastDownNanos: Int64 = 0

    package init() {}
}

/// Bytes that go back to whoever gave the job: memory that is theirs to let go of.
package struct LeftBytes: BitwiseCopyable {
    package var start: UnsafeMutableRawPointer?
    package var count = 0

    package init() {}

    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    package func deallocate() { start?.deallocate() }
}
