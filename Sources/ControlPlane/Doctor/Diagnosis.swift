import LinuxCalls

/// An examination put into words.
package struct Diagnosis: Sendable {
    private let examination: Examination
    private var machine: Machine { examination.machine }

    package init(_ examination: Examination) { self.examination = examination }

    /// 0 only when `serve --engine uring` would start.
    package var exitStatus: Int32 { examination.isHealthy ? 0 : 1 }

    /// The whole report, without the last line's end.
    package var text: String {
        let lines = [("kernel", machine.kernelRelease)] + uring + limits + flows + advice + [("verdict", verdict)]
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { name, value in
            name + String(repeating: " ", count: width + 2 - name.count) + Escape.controls(in: value)
        }.joined(separator: "\n")
    }

    private var verdict: String {
        examination.isHealthy
            ? "`longsplice serve --engine uring` would start"
            : "`longsplice serve --engine uring` would not start"
    }

    // MARK: Sections

    private var uring: [(String, String)] {
        let findings = examination.findings
        let needs = findings.needs.map { ("  \($0.name)", $0.isThere ? "yes" : "missing") }
        let trial: [(String, String)] =
            findings.needs.isEmpty || !findings.missing.isEmpty
            ? [] : [("  trial of a linked splice", findings.trialFailure ?? "passed")]
        return [("io_uring", examination.obstacle?.reason ?? "usable")] + needs + trial
    }

    private var limits: [(String, String)] {
        let granted = examination.pipeGranted.map { "\(ByteSize(bytes: $0)) granted" } ?? "none granted"
        return [
            ("processors", "\(machine.processors.count)"),
            ("descriptors, RLIMIT_NOFILE", Self.words(machine.descriptors)),
            ("locked memory, RLIMIT_MEMLOCK", machine.lockedMemory.map(Self.bytes) ?? "unknown"),
            ("pipe size, fs.pipe-max-size", "\(ByteSize(bytes: machine.pipeMaxSize)); \(granted)"),
            ("pipe quota, fs.pipe-user-pages-soft", quota(machine.pipePagesSoft)),
            ("pipe quota, fs.pipe-user-pages-hard", quota(machine.pipePagesHard)),
            ("accept queue, net.core.somaxconn", machine.acceptQueueMax.map(String.init) ?? "unknown"),
        ]
    }

    private var flows: [(String, String)] {
        let fit = "\(examination.connections) at a time; RLIMIT_NOFILE binds"
        let wanted = examination.limits.pipes(for: examination.connections)
        guard let pipes = examination.fullPipes, pipes < wanted else {
            return [("connections", fit), ("  pipes for bulk", "\(wanted) at a time")]
        }
        return [
            ("connections", fit),
            ("  pipes for bulk", "\(pipes) at a time; fs.pipe-user-pages-soft binds"),
        ]
    }

    /// What to change, the most important first.
    private var advice: [(String, String)] {
        var all: [String] = []
        if let obstacle = examination.obstacle { all.append("for io_uring, \(obstacle.cure)") }
        if examination.connections < Self.connectionsWanted {
            let descriptors = examination.limits.descriptors(for: Self.connectionsWanted)
            all.append(
                "for \(Self.connectionsWanted) connections, raise RLIMIT_NOFILE to \(descriptors) (LimitNOFILE=)")
        }
        if machine.pipeMaxSize < 1 << 20 && !machine.mayExceedPipeMaxSize {
            all.append("for pipes of 1MiB, set `sysctl fs.pipe-max-size=\(1 << 20)`")
        }
        let pipesWanted = examination.limits.pipes(for: examination.connections)
        if let pipes = examination.fullPipes, pipes < pipesWanted {
            let pages = pipesWanted * (examination.pipeBytes / Machine.pageBytes)
            all.append(
                "for full-size pipes everywhere, set `sysctl fs.pipe-user-pages-soft=\(pages)` or grant CAP_SYS_RESOURCE"
            )
        }
        if let queue = machine.acceptQueueMax, queue < 4096 {
            all.append("for an accept queue of 4096, set `sysctl net.core.somaxconn=4096`")
        }
        return all.map { ("advice", $0) }
    }

    /// Fewer than this, and the doctor says how to have as many.
    private static let connectionsWanted = 10_000

    // MARK: Words

    private func quota(_ pages: Int) -> String {
        guard pages > 0 else { return "no bound" }
        let size = "\(pages) pages, \(ByteSize(bytes: pages * Machine.pageBytes))"
        return machine.isExemptFromPipeQuota ? "\(size); this process is exempt" : size
    }

    private static func words(_ limit: ResourceLimit) -> String { "soft \(limit.soft), hard \(limit.hard)" }

    private static func bytes(_ limit: ResourceLimit) -> String {
        let names = [limit.soft, limit.hard].map { bytes in
            bytes == .max ? "unlimited" : ByteSize(bytes: Int(clamping: bytes)).description
        }
        return "soft \(names[0]), hard \(names[1])"
    }
}
