import Logging

/// Writes swift-log's events as lines.
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let format: LogFormat
    private let write: @Sendable (String) -> Void

    /// - Parameter write: takes one line without its end.
    package init(
        _ format: LogFormat, level: Logger.Level,
        write: @escaping @Sendable (String) -> Void = { StandardError.shared.write($0) }
    ) {
        self.format = format
        self.write = write
        logLevel = level
    }

    package func log(event: LogEvent) {
        var values: [String: String] = [:]
        for (name, value) in metadata { values[name] = value.description }
        for (name, value) in metadataProvider?.get() ?? [:] { values[name] = value.description }
        for (name, value) in event.metadata ?? [:] { values[name] = value.description }
        write(LogLine.text(format, at: .now(), event.level, event.message.description, values))
    }

    package subscript(metadataKey name: String) -> Logger.Metadata.Value? {
        get { metadata[name] }
        set { metadata[name] = newValue }
    }
}
