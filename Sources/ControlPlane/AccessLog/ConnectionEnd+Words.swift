import DataPlane

extension ConnectionEnd {
    /// The value of `end`.
    var word: StaticString {
        switch self {
        case .fin: "fin"
        case .reset: "reset"
        case .idleTimeout: "idle_timeout"
        case .finTimeout: "fin_timeout"
        case .connectTimeout: "connect_timeout"
        case .refused: "refused"
        case .unreachable: "unreachable"
        case .noPort: "no_port"
        case .drain: "drain"
        case .lifetime: "lifetime"
        case .serverDown: "server_down"
        case .noServer: "no_server"
        case .limit: "limit"
        case .rate: "rate"
        case .denied: "denied"
        case .shortage: "shortage"
        case .systemFailure: "system_failure"
        case .stopped: "stopped"
        case .takenBack: "taken_back"
        case .badPrologue: "bad_prologue"
        case .prologueTimeout: "prologue_timeout"
        case .queueFull: "queue_full"
        case .queueTimeout: "queue_timeout"
        }
    }
}

extension ConnectionEnder {
    /// The value of `ended_by`.
    var word: StaticString {
        switch self {
        case .client: "client"
        case .upstream: "upstream"
        case .longsplice: "longsplice"
        }
    }
}
