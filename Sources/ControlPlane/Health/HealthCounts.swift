/// What health checks have counted since the start, and how many servers are down now.
package struct HealthCounts: Equatable, Sendable {
    package var checks: UInt64 = 0
    package var checksFailed: UInt64 = 0
    /// For want of descriptors, ports or memory, or since too many were under way.
    package var checksNotMade: UInt64 = 0
    package var wentDown: UInt64 = 0
    package var cameUp: UInt64 = 0
    /// Down when they ceased to be checked.
    package var leftDown: UInt64 = 0

    /// Everything under its public name.
    package var named: [(name: String, value: UInt64)] {
        [
            ("health_checks", checks), ("health_checks_failed", checksFailed),
            ("health_checks_not_made", checksNotMade),
            ("servers_went_down", wentDown), ("servers_came_up", cameUp),
            ("servers_down", wentDown &- cameUp &- leftDown),
        ]
    }
}
