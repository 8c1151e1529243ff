import DataPlane
import LinuxCalls

extension AccessLogWriter {
    private static let recordsAtOnce = 16
    private static let droppedEveryMillis: Int64 = 1_000
    /// After this long a sink without room is a trouble to be told.
    private static let patienceMillis: Int64 = 1_000
    private static let pauseMillisMax: Int64 = 2_000

    /// Writes everything that waits at this moment. False where the sink does not take it now.
    func writeOut() -> Bool {
        var left = queues.map(\.count)
        while true {
            guard flush() else { return false }
            fill(&left)
            if lines.isEmpty { return true }
            isAwake = true
        }
    }

    // MARK: From the queues into the buffer

    /// The buffer is empty.
    private func fill(_ left: inout [Int]) {
        for (index, queue) in queues.enumerated() {
            while left[index] > 0 && lines.hasRoom {
                // As many lines as fit, were each the longest.
                let taken = queue.take(atMost: min(left[index], lines.linesFitting, Self.recordsAtOnce)) {
                    formatter.append($0, to: &lines)
                }
                recordsInBuffer += UInt64(taken)
                left[index] -= taken
                if taken == 0 { break }
            }
        }
        if lines.hasRoom { tellDropped() }
    }

    var droppedUntold: UInt64 { queues.reduce(0) { $0 &+ $1.dropped } &- droppedTold }

    /// One line a second at most, and the last one before the end.
    private func tellDropped() {
        let untold = droppedUntold
        let now = Clock.nowMillis()
        guard untold > 0, isClosing || now >= mayTellDroppedAtMillis else { return }
        mayTellDroppedAtMillis = now + Self.droppedEveryMillis
        formatter.append(dropped: untold, at: .now(), to: &lines)
        droppedTold &+= untold
        hasNoticeInBuffer = true
    }

    // MARK: From the buffer into the sink

    /// True where the buffer is empty afterwards.
    private func flush() -> Bool {
        if lines.isEmpty { return true }
        if Clock.nowMillis() < retryAtMillis { return false }
        if isDisconnected && !reconnect() { return false }
        switch sink.write(&lines) {
        case .done:
            forgetBuffer()
            isWell()
            return true
        case .blocked:
            isStuck()
        case .failed(let error):
            if sink.isSocket {
                isDisconnected = true
                lines.rewindToLine()
            }
            fails("\(error)")
        }
        return false
    }

    /// What is still in the buffer is lost, the rest of it was written.
    func forgetBuffer() {
        let lost = UInt64(lines.lineCount - (hasNoticeInBuffer && !lines.isEmpty ? 1 : 0))
        add(written: recordsInBuffer &- min(lost, recordsInBuffer))
        recordsInBuffer = 0
        hasNoticeInBuffer = false
    }

    // MARK: How the sink stands

    private func isWell() {
        stuckSinceMillis = nil
        pauseMillis = 0
        guard isInTrouble else { return }
        isInTrouble = false
        tell { $0.notice = "the access log \(sink.place.text) is written again" }
    }

    private func isStuck() {
        let now = Clock.nowMillis()
        let since = stuckSinceMillis ?? now
        stuckSinceMillis = since
        // Nothing tells when a file has room.
        if sink.kind == .file { pause() }
        if now - since >= Self.patienceMillis { isInTrouble(because: "takes nothing: its reader does not read") }
    }

    private func fails(_ reason: String) {
        pause()
        isInTrouble(because: "cannot be written: \(reason)")
    }

    private func pause() {
        pauseMillis = min(Self.pauseMillisMax, max(100, pauseMillis * 2))
        retryAtMillis = Clock.nowMillis() + pauseMillis
    }

    private func isInTrouble(because reason: String) {
        guard !isInTrouble else { return }
        isInTrouble = true
        tell { $0.trouble = "the access log \(sink.place.text) \(reason)" }
    }

    // MARK: A new sink

    private func reconnect() -> Bool {
        do throws(ValueProblem) {
            sink = try LogSink.open(sink.place)
            isDisconnected = false
            return true
        } catch {
            fails(error.reason)
            return false
        }
    }

    /// What was queued until now goes into the old file; where that takes no more, whole lines are carried over. Where the
    /// new one cannot be opened, the old one is kept.
    func reopen() {
        if sink.place == .standardOutput { return }
        _ = writeOut()
        lines.rewindToLine()
        do throws(ValueProblem) {
            sink = try LogSink.open(sink.place)
            isDisconnected = false
            retryAtMillis = 0
            tell { $0.notice = "the access log \(sink.place.text) is opened anew" }
        } catch {
            tell {
                $0.trouble =
                    "the access log \(sink.place.text) cannot be opened anew and goes on in the old file: it \(error.reason)"
            }
        }
    }
}
