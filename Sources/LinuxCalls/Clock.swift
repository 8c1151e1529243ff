import CLinux

/// The monotonic clock, in whole milliseconds since the machine started (clock_gettime(2), CLOCK_MONOTONIC).
///
/// 64 bits of milliseconds do not wrap in any uptime; the wall clock never moves a deadline.
package enum Clock {
    package static func nowMillis() -> Int64 { clinux_monotonic_nanoseconds() / 1_000_000 }
    package static func nowNanoseconds() -> Int64 { clinux_monotonic_nanoseconds() }
}
