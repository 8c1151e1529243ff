import CLinux

/// How much a listener takes: of all its addresses, and in all workers together.
package final class ListenerLimits: @unchecked Sendable {
    private let connectionsMax: Int64
    private let connections: SharedCount
    package let clients: ClientTable?
    package let rates: RateTable?
    /// Of the last table of clients: who has entered an earlier one, or came when there was none, is not in it. From 1 to 254, and then again.
    private let epoch: UInt8

    /// On a cache line of its own.
    private final class SharedCount {
        let word: UnsafeMutablePointer<Int64>

        init() {
            word = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64).initializeMemory(
                as: Int64.self, repeating: 0, count: 8)
        }

        deinit { UnsafeMutableRawPointer(word).deallocate() }
    }

    /// - Parameters:
    ///   - connectionsMax: at a time; nil for no bound.
    ///   - clients: bounds the connections of each client address.
    ///   - rates: bounds how fast each client address may come.
    ///   - former: whose connections are this one's too.
    package init(
        connectionsMax: Int? = nil, clients: ClientTable? = nil, rates: RateTable? = nil,
        continuing former: ListenerLimits? = nil
    ) {
        self.connectionsMax = connectionsMax.map { Int64($0) } ?? .max
        self.clients = clients
        self.rates = rates
        connections = former?.connections ?? SharedCount()
        let last = former?.epoch ?? 0
        let isNew = clients != nil && former?.clients == nil
        epoch = isNew ? last % 254 + 1 : last
    }

    /// Connections of the listener now.
    package var current: Int { Int(clinux_count(connections.word)) }

    /// The workers' side.
    var gate: ListenerGate {
        ListenerGate(
            connections: connections.word, connectionsMax: connectionsMax, clients: clients?.counts,
            epoch: clients == nil ? 0 : epoch,
            rates: rates?.gate)
    }
}

/// A worker's side of the `ListenerLimits`, which must outlive it.
struct ListenerGate: BitwiseCopyable {
    enum Refusal: BitwiseCopyable {
        case tooMany
        case tooManyOfClient
        case tooFast

        var counter: Counter {
            switch self {
            case .tooMany: .refusedAtListenerLimit
            case .tooManyOfClient: .refusedPerClientOfListener
            case .tooFast: .refusedByRate
            }
        }

        var end: ConnectionEnd {
            switch self {
            case .tooMany, .tooManyOfClient: .limit
            case .tooFast: .rate
            }
        }
    }

    let connections: UnsafeMutablePointer<Int64>
    let connectionsMax: Int64
    let clients: ClientCounts?
    /// Of `clients`, for whoever enters; 0 without them.
    let epoch: UInt8
    let rates: RateGate?

    /// It bounds something for each client address.
    var countsClients: Bool { clients != nil || rates != nil }

    /// One connection more, or why not. Who is refused has taken nothing.
    /// - Parameter client: nil for one without an address, which only the number of all connections bounds.
    func enter(_ client: ClientKey?, at now: Int64) -> Refusal? {
        guard clinux_add(connections, 1) <= connectionsMax else {
            _ = clinux_add(connections, -1)
            return .tooMany
        }
        guard let client else { return nil }
        if let clients, !clients.enter(client) {
            _ = clinux_add(connections, -1)
            return .tooManyOfClient
        }
        if let rates, !rates.takes(client, at: now &* 1_000_000) {
            leave(client, since: epoch)
            return .tooFast
        }
        return nil
    }

    /// One connection less, for each that has entered.
    /// - Parameter entered: the epoch at that time; its client is counted where that is still the same.
    func leave(_ client: ClientKey?, since entered: UInt8) {
        _ = clinux_add(connections, -1)
        if let clients, let client, entered == epoch { clients.leave(client) }
    }
}
