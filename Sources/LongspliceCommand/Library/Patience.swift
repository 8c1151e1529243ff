import CLinux
import ControlPlane
import LinuxCalls

/// How long to wait, counted from when it was made.
struct Patience {
    let span: TimeSpan
    private let endMillis: Int64

    init(_ span: TimeSpan) {
        self.span = span
        endMillis = Clock.nowMillis() + span.milliseconds
    }

    /// The same span, from now on.
    func renewed() -> Patience { Patience(span) }

    /// An eighth of the span, from now on.
    var part: Patience { Patience(TimeSpan(milliseconds: max(1, span.milliseconds / 8))) }

    var isOver: Bool { Clock.nowMillis() >= endMillis }

    /// Sleeps until `socket` has something to read, or the patience is over.
    func awaitReading(_ socket: Int32) { _ = clinux_wait_for_room(-1, socket, left) }

    /// Sleeps until `socket` takes bytes, or the patience is over.
    func awaitWriting(_ socket: Int32) { _ = clinux_wait_for_room(socket, -1, left) }

    /// Sleeps a moment, for what the kernel does not announce.
    func doze() { _ = clinux_wait_for_room(-1, -1, min(left, 5)) }

    private var left: Int32 { Int32(clamping: max(0, endMillis - Clock.nowMillis())) }
}
