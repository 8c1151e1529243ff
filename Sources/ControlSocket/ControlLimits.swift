/// How much the clients of a control socket may ask of it.
package struct ControlLimits: Sendable {
    /// At a time; more wait in the accept queue.
    package var connections = 64
    /// Of all header fields of one request together.
    package var headerBytes = 16 << 10
    package var headerFields = 64
    package var bodyBytes = 16 << 10
    /// Without a part of a request, between requests too.
    package var idleMillis: Int64 = 5_000
    /// From accept on, whatever is under way: a client that is slow on purpose has its place no longer than that.
    package var lifetimeMillis: Int64 = 30_000

    package init() {}
}
