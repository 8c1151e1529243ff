import CLinux
import DataPlane
import LinuxCalls

/// How many connections, and the descriptor limit (RLIMIT_NOFILE) raised for them.
struct DescriptorLimit {
    let connections: Int
    /// The soft limit from here on: one more than the highest descriptor number.
    let descriptors: Int

    /// Client addresses that can have connections at the same time, at most.
    func clients(workers: Int) -> Int { connections + WorkerSettings.acceptedInExcessMax * workers }

    /// The soft limit is set no higher than this unless more are needed: the epoll engine has a record for each possible
    /// descriptor, and some containers allow 2³⁰ of them.
    private static let sufficient = 1 << 20

    /// Raises the soft limit towards the hard one, which needs no privilege.
    ///
    /// Throws where the connections asked for do not fit.
    /// - Parameters:
    ///   - wanted: nil for as many as fit.
    ///   - origin: where that was written.
    init(
        _ wanted: Int?, at origin: Origin = .flag(ValueNames.flags.maxConnections), _ limits: Limits,
        _ limit: ResourceLimit
    ) throws(Refusal) {
        let fitting = limits.connectionsFitting(limit.hard)
        guard fitting > 0 else {
            throw Refusal(
                .failure,
                "RLIMIT_NOFILE \(limit.hard) leaves no descriptors for a connection; raise it to \(limits.descriptors(for: 1)) "
                    + "or more with ulimit -n (LimitNOFILE=)")
        }
        if let wanted, wanted > fitting {
            throw Refusal(
                .failure, at: origin, value: "\(wanted)",
                ValueProblem(
                    "needs \(limits.descriptors(for: wanted)) descriptors, and RLIMIT_NOFILE is \(limit.hard)",
                    cure: "write at most \(fitting), or raise the limit with ulimit -n (LimitNOFILE=)"))
        }
        connections = wanted ?? limits.connectionsByDefault(limit.hard)
        let soft = min(limit.hard, UInt64(max(Self.sufficient, limits.descriptors(for: connections))))
        guard clinux_raise_descriptors(soft) == 0 else {
            throw Refusal(.failure, "RLIMIT_NOFILE cannot be set to \(soft); set it before the start with ulimit -n")
        }
        descriptors = Int(soft)
    }
}
