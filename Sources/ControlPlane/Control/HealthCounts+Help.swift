extension HealthCounts {
    /// What a count is of, in a sentence.
    static func help(_ name: String) -> String {
        switch name {
        case "health_checks": "Checks of servers that ended."
        case "health_checks_failed": "Of those, checks that failed."
        case "health_checks_not_made": "Checks that were due, and for which something was short."
        case "servers_went_down": "Servers that went down by their checks."
        case "servers_came_up": "Servers that came up again."
        default: "Servers that are down now."
        }
    }
}
