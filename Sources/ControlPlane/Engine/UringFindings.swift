import DataPlane
import LinuxCalls

/// What was found out about this machine's io_uring.
package struct UringFindings: Sendable {
    /// Something the engine needs, and whether it is there.
    package struct Need: Sendable, Equatable {
        package let name: String
        package let isThere: Bool

        package init(_ name: String, isThere: Bool) {
            self.name = name
            self.isThere = isThere
        }
    }

    /// Why no ring could be made.
    package var setupFailure: SystemError?
    package var needs: [Need] = []
    /// What went wrong when a ring was used in earnest.
    package var trialFailure: String?

    package init() {}

    package init(_ probe: UringProbe) {
        setupFailure = probe.setupFailure
        needs = (probe.features + probe.opcodes).map { Need($0.name, isThere: $0.isThere) }
        trialFailure = probe.trialFailure
    }

    package var missing: [String] { needs.filter { !$0.isThere }.map(\.name) }
    package var isUsable: Bool { setupFailure == nil && missing.isEmpty && trialFailure == nil }

    /// What stands in the way, nil where nothing does.
    /// - Parameters:
    ///   - disabled: `kernel.io_uring_disabled`.
    ///   - names: what the settings are called where they were written.
    package func obstacle(
        _ ring: UringSettings, disabled: Int?, names: ValueNames = .flags
    ) -> UringObstacle? {
        if let setupFailure { return UringObstacle(setupFailure, ring, disabled: disabled, names: names) }
        if !missing.isEmpty { return UringObstacle(missing: missing) }
        return trialFailure.map(UringObstacle.init(trial:))
    }
}
