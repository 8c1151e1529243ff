/// What a worker counts. Each name is the field's standard term; counters only grow.
package enum Counter: Int, CaseIterable {
    // Connections
    case accepted
    case closed
    case tied
    case bytesUp
    case bytesDown
    /// Bytes that were taken from one side and could not be delivered, since the other was gone or the pair was cut.
    case bytesDropped
    /// What clients said that were given the fallback file.
    case bytesDiscarded
    // How pairs ended, one for each `Cause`
    case finished
    case clientReset
    case upstreamReset
    case idleTimeout
    case finTimeout
    case drainCut
    case lifetime
    case serverDown
    case connectFailed
    /// Of those: clients that came while all servers of their pool were down.
    case noServer
    /// Of those, and of the two that follow: clients that have been given the fallback file.
    case answered
    /// Clients for whom all servers were full: no more could wait, or no server had room in time.
    case refusedQueueFull
    case refusedQueueTimeout
    /// There was no descriptor or no memory for the upstream's socket.
    case cutForShortage
    case systemFailure
    case takenBack
    /// Clients that had to begin with a PROXY header and did not, or not in time.
    case badPrologue
    case prologueTimeout
    // Prologues
    /// PROXY headers that were taken from clients' streams, and those that were sent to servers.
    case proxyHeadersTaken
    case proxyHeadersSent
    /// Clients that were heard for a ClientHello and sent none: they took another route.
    case hellosMissed
    // Connecting
    case connectAttempts
    case connectRefused
    case connectTimedOut
    case connectUnreachable
    case connectNoPort
    /// No socket could be made to connect with.
    case connectShortOfDescriptors
    case connectFailedOtherwise
    /// Servers that were left out for a while, since connecting to them had failed too often.
    case ejections
    /// Clients that had to wait for a server with room, whatever became of them.
    case queued
    // Accepting
    case acceptEnded
    case acceptAborted
    case acceptShortOfDescriptors
    case acceptShortOfMemory
    case acceptFailedOtherwise
    case acceptPausedAtLimit
    case refusedAtLimit
    /// Connections of a client address that had as many as it may have.
    case refusedPerClient
    /// Connections of a listener that had as many as it may have.
    case refusedAtListenerLimit
    /// Connections of a client address that had as many as it may have through this listener.
    case refusedPerClientOfListener
    /// Connections of a client address that came faster than it may through this listener.
    case refusedByRate
    /// Connections of clients that may not come, or that no pool is for.
    case refusedByAddress
    /// Clients that were accepted here and handed to a worker with fewer connections, which counts them as accepted.
    case handedOver
    /// Clients that other workers have handed to this one.
    case takenOver
    // Moving
    case fills
    case drains
    case fillsDry
    /// Bytes stayed in the pipe, since the sink had no room, and were waited with.
    case drainsBlocked
    case interrupted
    case canceled
    case starved
    case notSpliceable
    // Copying
    /// Answers that brought bytes into a buffer.
    case receives
    case sends
    /// Bytes that went through buffers; they are in `bytesUp` and `bytesDown` too.
    case bytesCopied
    /// Sends that found no room, or too little.
    case sendsBlocked
    /// Receives that found no buffer; the engine then gets more of them.
    case receivesUnbuffered
    /// Looks at a source whose receive may have missed its end, and those that found it so.
    case probes
    case probesHit
    // Directions that changed how they move their bytes, one for each `RelayReason`
    case promotions
    case demotionsSmall
    case demotionsQuiet
    case demotionsForPipe
    /// Sources of bulk that were told to wait for more, and how often what was there had waited in vain.
    case lowWaterRaised
    case lowWaterWaits
    /// Pages read by recv(2), since splice could not carry what lay next.
    case plainReads
    /// Bytes that were copied through user space, since neither a pipe nor a buffer could be had; they are in `bytesUp` and `bytesDown` too.
    case bytesCarried
    /// Jobs that were given back since the next bytes of their file were not in the page cache.
    case coldFiles
    case pushes
    case halfCloses
    case pipeIdleWithdrawals
    // Pipes
    case pipesMade
    case pipesClosed
    case pipesUnavailable
    /// Pipes that were granted less than --pipe-size (the per-user quota, pipe(7)), whether they were taken or not.
    case pipesSmall
    // Records of connections that have ended
    case records
    /// Records that found their queue full, since the access log was behind or could not be written.
    case recordsDropped
    // Engine
    case turns
    /// Times the worker spun before it slept.
    case spins
    case completions
    case completionsStale
    case completionsUnexpected
    case cancelsMissed
    case submissionQueueFull
    case completionQueueOverflows
    case completionsDropped
    case submitInterrupted
    case submitBusy
    case submitShortOfMemory
    case submitFailedOtherwise

    package static let count = allCases.count

    static func of(_ cause: Cause) -> Counter? {
        switch cause {
        case .none: nil
        case .finished: .finished
        case .clientReset: .clientReset
        case .upstreamReset: .upstreamReset
        case .idleTimeout: .idleTimeout
        case .finTimeout: .finTimeout
        case .drain: .drainCut
        case .lifetime: .lifetime
        case .serverDown: .serverDown
        case .connectFailed: .connectFailed
        case .shortage: .cutForShortage
        case .systemFailure: .systemFailure
        case .takenBack: .takenBack
        case .badPrologue: .badPrologue
        case .prologueTimeout: .prologueTimeout
        case .denied: .refusedByAddress
        case .perClientLimit: .refusedPerClient
        case .listenerLimit: .refusedAtListenerLimit
        case .listenerClientLimit: .refusedPerClientOfListener
        case .rateLimit: .refusedByRate
        case .queueFull: .refusedQueueFull
        case .queueTimeout: .refusedQueueTimeout
        }
    }
}
