/// What a header of version 2 that is written says beyond the addresses. The buffers are the caller's, and read during
/// the call only.
package struct ProxyTLVs: BitwiseCopyable {
    /// The name the client asked for, as in SNI, without a closing zero.
    package var authority: UnsafeRawBufferPointer?
    /// The protocol, as ALPN names it.
    package var alpn: UnsafeRawBufferPointer?
    /// At most 128 bytes.
    package var uniqueID: UnsafeRawBufferPointer?
    /// CRC-32C over the header.
    package var addsChecksum: Bool

    package init(
        authority: UnsafeRawBufferPointer? = nil, alpn: UnsafeRawBufferPointer? = nil,
        uniqueID: UnsafeRawBufferPointer? = nil, addsChecksum: Bool = false
    ) {
        self.authority = authority
        self.alpn = alpn
        self.uniqueID = uniqueID
        self.addsChecksum = addsChecksum
    }
}
