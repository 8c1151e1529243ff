/// A knot's place in the timer wheel.
struct TimerEntry: BitwiseCopyable {
    var expiresAtMillis: Int64 = .max
    var next: UInt32 = Knot.nowhere
    var previous: UInt32 = Knot.nowhere
    /// The wheel's slot, -1 while the knot is not in the wheel.
    var position: Int16 = -1
}
