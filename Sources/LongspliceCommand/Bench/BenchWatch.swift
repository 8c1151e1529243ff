import ControlPlane
import LinuxCalls
import LoadGenerator

/// Runs a run on threads of its own while this one takes the signals.
enum BenchWatch {
    static func run(_ settings: RunSettings, _ signals: BenchSignals, glance: (Run.Glance) -> Void = { _ in })
        throws(Refusal) -> RunReport
    {
        let order = Order()
        let run = try BenchPlaces.failing("the run cannot start") { () throws(SystemError) in try Run(settings, order) }
        while !run.isDone {
            if signals.next(milliseconds: 50) != nil { order.give(order.current == .run ? .stop : .cut) }
            glance(run.glance)
        }
        return run.finish()
    }
}
