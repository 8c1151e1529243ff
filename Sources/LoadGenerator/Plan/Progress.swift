/// Where one side of a connection stands, as far as its script asks.
package struct Progress: BitwiseCopyable, Equatable, Sendable {
    package var sent: UInt64 = 0
    package var received: UInt64 = 0
    package var finSent = false
    package var finReceived = false
    /// An endless stream is to come to its end. At the peer the client's FIN says so.
    package var isStopping = false

    package init() {}
}
