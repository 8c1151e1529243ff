import CLinux

/// A file descriptor with one owner, closed when the owner lets go.
///
/// For set-up and tests. The data plane keeps plain numbers in its records and closes them itself, after the join.
package struct OwnedDescriptor: ~Copyable {
    package let number: Int32

    package init(_ number: Int32) { self.number = number }

    deinit { _ = clinux_close(number) }

    /// Gives the number away; from here on closing is the caller's duty.
    package consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}
