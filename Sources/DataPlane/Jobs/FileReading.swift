/// A part of a file that has to be in the page cache before a worker sends it: read by another thread, so that no worker waits for
/// a disk. The answer is an order `wasRead`.
package struct FileReading: BitwiseCopyable, Sendable {
    package let place: UInt32
    package let serial: UInt32
    package let file: Int32
    package let offset: Int64
    package let count: Int64
}
