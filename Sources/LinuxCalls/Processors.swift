import CLinux

/// The processors the scheduler lets this process use (sched_getaffinity(2)).
package enum Processors {
    package static func allowed() -> [Int32] {
        [Int32](unsafeUninitializedCapacity: 1024) { buffer, count in
            count = Int(max(0, clinux_allowed_processors(buffer.baseAddress, 1024)))
        }
    }
}
