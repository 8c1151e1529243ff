import DataPlane
import LinuxCalls

extension AddressBlock {
    /// An address, or a prefix such as `10.0.0.0/8` or `2001:db8::/32`.
    package init(_ text: String) throws(ValueProblem) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = SocketAddress(numeric: String(parts[0]), port: 0) else {
            throw ValueProblem(
                "is no address", cure: "write an IPv4 or IPv6 address, or a prefix such as 10.0.0.0/8 or 2001:db8::/32")
        }
        guard parts.count == 2 else {
            guard let block = AddressBlock(address, prefix: nil) else {
                throw ValueProblem("is no address", cure: "write an IPv4 or IPv6 address")
            }
            self = block
            return
        }
        let bits = address.isIPv4 ? 32 : 128
        guard WholeNumber.isDigits(parts[1]), let length = Int(parts[1]), length <= bits else {
            throw ValueProblem(
                "has a prefix length that is none", cure: "write a number from 0 to \(bits) behind the slash")
        }
        guard let block = AddressBlock(address, prefix: length) else {
            throw ValueProblem(
                "has bits set behind its prefix", cure: "write the network's own address, or a longer prefix")
        }
        self = block
    }
}
