import DataPlane

/// Who may send PROXY headers: a block of addresses, or `unix` for the clients of UNIX sockets.
struct ProxySource: Sendable {
    /// Nil for UNIX sockets.
    let block: AddressBlock?

    static func parse(_ text: String) throws(ValueProblem) -> ProxySource {
        ProxySource(block: text == "unix" ? nil : try AddressBlock(text))
    }
}
