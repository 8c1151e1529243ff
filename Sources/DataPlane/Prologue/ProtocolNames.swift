/// The names in a list of ALPN (RFC 7301 3.1), each behind a length byte, in the client's order of preference. A list
/// whose lengths lie ends there.
package struct ProtocolNames: Sequence, IteratorProtocol, BitwiseCopyable {
    private let list: UnsafeRawBufferPointer
    private var cursor: ByteCursor

    package init(_ list: UnsafeRawBufferPointer) {
        self.list = list
        cursor = ByteCursor(list, 0..<list.count)
    }

    package mutating func next() -> UnsafeRawBufferPointer? {
        guard let name = cursor.block(lengthBytes: 1) else { return nil }
        return UnsafeRawBufferPointer(rebasing: list[name.range])
    }
}
