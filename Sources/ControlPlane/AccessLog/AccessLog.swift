import CLinux
import DataPlane
import LinuxCalls

/// The access log: a queue for each worker, a place to write to, and a thread that goes between them.
///
/// The workers never wait for it. Made before any port is open; started once it is known where the listeners are.
package final class AccessLog {
    package let place: AccessLogPlace
    /// One for each worker.
    package let queues: [RecordQueue]
    private let format: AccessLogFormat
    private let bell: OutBell
    /// Until the thread has it, which opens others in its place.
    private var sink: LogSink?
    private var writer: AccessLogWriter?
    private var writtenAtClose: UInt64 = 0

    /// Opens the place. Throws a refusal that names where it was written, the place and the cure.
    package init(
        _ place: AccessLogPlace, _ format: AccessLogFormat, at origin: Origin = .flag(ValueNames.flags.accessLog),
        workers: Int
    ) throws(Refusal) {
        self.place = place
        self.format = format
        do throws(ValueProblem) {
            sink = try LogSink.open(place)
        } catch {
            throw Refusal(.failure, at: origin, value: place.text, error)
        }
        do throws(SystemError) {
            let bell = try OutBell()
            self.bell = bell
            queues = (0..<workers).map { _ in RecordQueue(bell) }
        } catch {
            throw Refusal(
                .failure, "\(origin.text) \(place.text) cannot be served: \(error); raise the limit with ulimit -n")
        }
    }

    /// Starts the thread. The names are those of the workers' numbers.
    package func start(
        listeners: [String], upstreams: [String], engine: String, relay: String
    ) throws(Refusal) {
        guard let sink else { preconditionFailure("AccessLog: started twice") }
        self.sink = nil
        let formatter = RecordFormatter(
            format, listeners: listeners, upstreams: upstreams, engine: engine, relay: relay)
        let writer = AccessLogWriter(sink, formatter, queues, bell)
        do throws(SystemError) {
            try writer.start()
        } catch {
            throw Refusal(.failure, "the access log's thread cannot be started: \(error); raise TasksMax or ulimit -u")
        }
        self.writer = writer
    }

    /// From here on records may name others; numbers that were known before mean the same as long as a record may have them.
    package func rename(listeners: [String], upstreams: [String]) {
        writer?.rename(listeners: listeners, upstreams: upstreams)
    }

    deinit { close(withinMillis: 0) }

    /// Goes on in a new file of the same name, once everything until now is in the old one.
    package func reopen() { writer?.askToReopen() }

    /// Writes what is queued, for as long as the sink takes it within the time. The workers must have left.
    package func close(withinMillis patience: Int64) {
        guard let writer else { return }
        writer.close(withinMillis: patience)
        writtenAtClose = writer.recordsWritten
        self.writer = nil
    }

    /// Records that are written; what the counter `records` has beyond that is still queued, or lost after `close`.
    package var recordsWritten: UInt64 { writer?.recordsWritten ?? writtenAtClose }

    /// What has happened since the last question.
    package func takeNews() -> AccessLogNews { writer?.takeNews() ?? AccessLogNews() }
}
