import DataPlane

/// How connections, descriptors and pipes bound each other. Arithmetic only.
package struct Limits: Equatable, Sendable {
    package var workers: Int
    /// Listening addresses; each worker has a socket for each.
    package var listeners: Int
    /// Whether the embedded echo server runs in the same process.
    package var hasEcho: Bool
    /// Descriptors of health checks, at most.
    package var healthChecks = 0
    /// Descriptors of the control socket and its clients, at most.
    package var control = 0

    package init(workers: Int, listeners: Int, hasEcho: Bool) {
        self.workers = workers
        self.listeners = listeners
        self.hasEcho = hasEcho
    }

    /// Two sockets.
    package static let descriptorsOfPair = 2
    /// The embedded server's socket.
    package static let descriptorsOfEcho = 1
    /// Both ends.
    package static let descriptorsOfPipe = 2
    /// For the standard streams, the access log, look-ups (`NameWatch.threadsMax` at a time, each with a socket for up to three name
    /// servers), and what the process was given by its parent.
    package static let descriptorReserve = 64
    /// The largest number of connections that is chosen when none is asked for.
    package static let connectionsByDefaultMax = 1_000_000

    /// Pipes that so many connections can use at once: one for each direction, up to what the workers have.
    package func pipes(for connections: Int) -> Int {
        min(2 * connections, workers * WorkerSettings.pipesOfWorkerMax)
    }

    private func pipesOfEcho(for connections: Int) -> Int {
        hasEcho ? min(connections, WorkerSettings.pipesOfWorkerMax) : 0
    }

    /// Descriptors that are needed whether or not anybody connects: a ring or an epoll, a bell and the listeners of each
    /// worker. Idle pipes are not among them: a worker keeps only what some connection had before.
    package var descriptorsWithoutConnections: Int {
        let engineAndBell = 2
        let echo = hasEcho ? engineAndBell + 1 : 0
        return workers * (engineAndBell + listeners) + echo + healthChecks + control + Self.descriptorReserve
    }

    /// Descriptors needed for `connections` at a time.
    ///
    /// What multishot accept takes beyond the limit before it is paused (`WorkerSettings.acceptedInExcessMax`) is not
    /// counted: when descriptors run out, accepting waits, and nothing else is harmed but a pipe that waits as well.
    package func descriptors(for connections: Int) -> Int {
        let sockets = Self.descriptorsOfPair + (hasEcho ? Self.descriptorsOfEcho : 0)
        let pipes = pipes(for: connections) + pipesOfEcho(for: connections)
        return descriptorsWithoutConnections + connections * sockets + pipes * Self.descriptorsOfPipe
    }

    /// The largest number of connections for which `descriptors` suffice; 0 where there is none.
    package func connectionsFitting(_ descriptors: UInt64) -> Int {
        let limit = Int(clamping: descriptors)
        // Each connection needs two at least, so the answer lies between these; it needs more at first than later.
        var (fitting, tooMany) = (0, max(1, min(limit, Int.max / 16)))
        while tooMany - fitting > 1 {
            let middle = fitting + (tooMany - fitting) / 2
            if self.descriptors(for: middle) <= limit { fitting = middle } else { tooMany = middle }
        }
        return fitting
    }

    /// What is chosen when `--max-connections` is not given: all that fit, less the ones accepted in excess, which are
    /// given room as long as that costs no more than an eighth.
    package func connectionsByDefault(_ descriptors: UInt64) -> Int {
        let fitting = connectionsFitting(descriptors)
        return min(Self.connectionsByDefaultMax, fitting - min(WorkerSettings.acceptedInExcessMax, fitting / 8))
    }

    /// Full-size pipes that the per-user quota allows (pipe(7)), nil where it does not bind.
    /// - Parameters:
    ///   - pages: `fs.pipe-user-pages-soft`, 0 for no bound.
    ///   - pipeBytes: of one pipe.
    package static func pipesWithinQuota(pages: Int, pageBytes: Int, pipeBytes: Int, isExempt: Bool) -> Int? {
        guard pages > 0, !isExempt else { return nil }
        return pages / max(1, (pipeBytes + pageBytes - 1) / pageBytes)
    }

    /// Answers that could wait in one completion queue if every connection were this worker's and moved at once.
    package static func answersAtOnce(connections: Int) -> Int {
        (connections + WorkerSettings.acceptedInExcessMax) * 6
    }
}
