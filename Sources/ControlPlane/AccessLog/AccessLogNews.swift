/// What an access log has to tell the ordinary one.
package struct AccessLogNews: Equatable, Sendable {
    /// A sentence without its end on what keeps records from being written, when that has begun or changed.
    package var trouble: String?
    /// A sentence on what is well again, or was done as asked.
    package var notice: String?

    package init() {}
}
