import ControlPlane
import LinuxCalls

/// Addresses as the flags of `bench` spell them.
enum BenchPlaces {
    /// One address or more.
    static func addresses(_ texts: [String], _ flag: String, ports: ClosedRange<Int>) throws(Refusal) -> [SocketAddress]
    {
        guard !texts.isEmpty else {
            throw Refusal(.usage, "\(flag) is missing; write \(flag) HOST:PORT, [IPv6]:PORT or unix:PATH")
        }
        var all: [SocketAddress] = []
        for text in texts {
            let endpoint = try FlagReading.read(text, flag) { value throws(ValueProblem) in
                try Endpoint(value, ports: ports)
            }
            guard let endpoint else { continue }
            do throws(ValueProblem) {
                all += try Resolver.addresses(of: endpoint)
            } catch {
                throw Refusal(.failure, flag: flag, value: text, error)
            }
        }
        return all
    }

    /// Removes a socket file that nobody listens on any more.
    static func clearWay(to address: SocketAddress) throws(Refusal) {
        do throws(ValueProblem) {
            try SocketFile.clearWay(to: address)
        } catch {
            throw Refusal(.failure, flag: "--listen", value: "\(address)", error)
        }
    }

    /// Local addresses: single ones, and IPv4 ranges as `127.0.0.1-127.0.1.200`.
    static func sources(_ texts: [String]) throws(Refusal) -> [SocketAddress] {
        var all: [SocketAddress] = []
        for text in texts {
            let read = try FlagReading.read(text, "--source") { value throws(ValueProblem) in try source(value) }
            all += read ?? []
        }
        return all
    }

    private static func source(_ text: String) throws(ValueProblem) -> [SocketAddress] {
        if let single = SocketAddress(numeric: text, port: 0) { return [single] }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(ipv4)
        guard ends.count == 2, let first = ends[0], let last = ends[1] else {
            throw ValueProblem(
                "is no address", cure: "write one, or a range of IPv4 addresses, e.g. 127.0.0.1-127.0.0.200")
        }
        guard first <= last, last - first < 65_536 else {
            throw ValueProblem("is no range", cure: "write the lower address first, and at most 65536 of them")
        }
        return (first...last).compactMap { number in
            let host = [24, 16, 8, 0].map { "\((number >> $0) & 255)" }.joined(separator: ".")
            return SocketAddress(numeric: host, port: 0)
        }
    }

    private static func ipv4(_ text: Substring) -> UInt32? {
        guard SocketAddress(numeric: String(text), port: 0)?.isIPv4 == true else { return nil }
        return text.split(separator: ".").reduce(0) { $0 << 8 | (UInt32($1) ?? 0) }
    }

    /// Runs what may fail for the kernel's reasons.
    static func failing<R>(_ what: String, _ body: () throws(SystemError) -> R) throws(Refusal) -> R {
        do throws(SystemError) {
            return try body()
        } catch {
            throw Refusal(.failure, "\(what): \(error); see longsplice doctor for limits")
        }
    }
}
