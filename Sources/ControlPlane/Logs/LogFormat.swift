/// What `--log-format` asks for.
package enum LogFormat: String, CaseIterable, Sendable {
    /// `2026-01-01T00:00:00.000Z INFO message key=value`
    case text
    /// One JSON object for each line: time, level, message, and the values under their own names.
    case json
}
