import DataPlane
import LinuxCalls

/// What the doctor has looked at.
package struct Examination: Sendable {
    package var machine: Machine
    package var ring: UringSettings
    package var findings: UringFindings
    /// Why `serve --engine uring` would not start; nil where it would.
    package var obstacle: UringObstacle?
    /// Bytes of the pipe the kernel gave when it was asked for `pipeBytes`; nil where it gave none.
    package var pipeGranted: Int?
    /// What `--pipe-size` is when it is not given.
    package var pipeBytes: Int

    package init(
        machine: Machine, ring: UringSettings, findings: UringFindings, obstacle: UringObstacle?, pipeGranted: Int?,
        pipeBytes: Int
    ) {
        self.machine = machine
        self.ring = ring
        self.findings = findings
        self.obstacle = obstacle
        self.pipeGranted = pipeGranted
        self.pipeBytes = pipeBytes
    }

    /// Looks at this machine with the settings that `serve` has by default: asks the kernel what it offers, and then makes
    /// as many workers with rings as `serve` would make. Opens no port.
    package static func ofThisMachine() throws(Refusal) -> Examination {
        let machine = try Machine.ofThisProcess()
        let ring = UringSettings()
        let findings = UringFindings(UringProbe(ring))
        var obstacle = findings.obstacle(ring, disabled: machine.uringDisabled)
        if obstacle == nil {
            do throws(SystemError) {
                _ = try WorkerGroup(
                    count: machine.workersByDefault, .uring(ring), WorkerSettings(target: .echo), records: [],
                    pinnedTo: [])
            } catch {
                obstacle = UringObstacle(error, ring, disabled: machine.uringDisabled)
            }
        }
        let pipeBytes = min(1 << 20, machine.pipeBytesMax)
        return Examination(
            machine: machine, ring: ring, findings: findings, obstacle: obstacle,
            pipeGranted: PipeTrial.granted(pipeBytes), pipeBytes: pipeBytes)
    }

    /// Of a server with one listener and one worker for each processor.
    package var limits: Limits { Limits(workers: machine.workersByDefault, listeners: 1, hasEcho: false) }

    /// Connections that fit the hard descriptor limit.
    package var connections: Int { limits.connectionsFitting(machine.descriptors.hard) }

    /// Full-size pipes within the quota of pages, nil where it does not bind.
    package var fullPipes: Int? {
        Limits.pipesWithinQuota(
            pages: machine.pipePagesSoft, pageBytes: Machine.pageBytes, pipeBytes: max(pipeBytes, pipeGranted ?? 0),
            isExempt: machine.isExemptFromPipeQuota)
    }

    /// `serve --engine uring` would start.
    package var isHealthy: Bool { obstacle == nil && connections > 0 }
}
