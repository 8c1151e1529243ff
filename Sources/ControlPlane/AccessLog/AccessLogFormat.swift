/// What `--access-log-format` asks for.
package enum AccessLogFormat: String, CaseIterable, Sendable {
    /// One JSON object for each line.
    case json
    /// The same values as `key=value`, for people; `-` stands for none.
    case text
}
