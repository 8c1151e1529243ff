import CLinux
import LinuxCalls

/// Names to addresses, once, at start (getaddrinfo(3)). It waits as long as the system's resolver does.
package enum Resolver {
    /// More addresses of one name than this are left out.
    private static let addressesMax = 64

    /// One address or more.
    package static func addresses(of endpoint: Endpoint) throws(ValueProblem) -> [SocketAddress] {
        switch endpoint.place {
        case .address(let address): [address]
        // Its address is asked of itself.
        case .inherited: []
        case .name(let name, let port): try lookUp(name, port)
        }
    }

    private static func lookUp(_ name: String, _ port: UInt16) throws(ValueProblem) -> [SocketAddress] {
        let stride = Int(SocketAddress.bytesMax)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: stride * addressesMax, alignment: 8)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: stride * addressesMax)
        var lengths = [UInt32](repeating: 0, count: addressesMax)
        let count = clinux_lookup(name, port, memory, &lengths, Int32(addressesMax))
        guard count > 0 else {
            let why = count == 0 ? "no address" : String(cString: clinux_lookup_text(count))
            throw ValueProblem("does not resolve: \(why)", cure: "check the name and the resolver, or write an address")
        }
        return (0..<Int(count)).map { SocketAddress(memory.advanced(by: $0 * stride), length: lengths[$0]) }
    }
}
