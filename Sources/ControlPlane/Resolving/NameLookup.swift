import CLinux

/// One look-up of a name. It waits as long as the system's resolver does.
struct NameLookup: Sendable {
    /// What name servers say of a name; may wait.
    let ask: @Sendable (String, RecordType) -> Result<DNSMessage, NameFailure>
    /// What this machine says of a name, before anybody is asked.
    let hosts: @Sendable (String) -> [HostAddress]

    /// By the system's settings: /etc/hosts first, then /etc/resolv.conf's servers.
    static let system = NameLookup(ask: askServers) { HostsFile.addresses(of: $0) }

    /// /etc/hosts says nothing of how long it holds; it is read again as often as this.
    static let secondsOfHosts: UInt32 = 30
    /// Services of one name, at most; more of them are left out, the worst priorities first.
    static let servicesMax = 256

    func answer(to rules: ResolveRules) throws(NameFailure) -> NameAnswer {
        switch rules.kind {
        case .a: try addresses(of: rules.name, [.a]).servers(port: rules.port)
        case .aaaa: try addresses(of: rules.name, [.aaaa]).servers(port: rules.port)
        case .addresses: try addresses(of: rules.name, [.a, .aaaa]).servers(port: rules.port)
        case .srv: try services(of: rules.name)
        }
    }

    fileprivate struct Found {
        var hosts: [HostAddress]
        var secondsToLive: UInt32

        func servers(port: UInt16) -> NameAnswer {
            NameAnswer(servers: ResolvedServer.of(hosts, port: port), secondsToLive: secondsToLive)
        }
    }

    // MARK: Addresses

    /// Of all families that are asked for; one of them may have none.
    private func addresses(of name: String, _ types: [RecordType]) throws(NameFailure) -> Found {
        let known = hosts(name).filter { $0.isOne(of: types) }
        guard known.isEmpty else { return Found(hosts: known, secondsToLive: Self.secondsOfHosts) }
        var found = Found(hosts: [], secondsToLive: .max)
        var failure = NameFailure.noRecords
        for type in types {
            do throws(NameFailure) {
                let one = try addresses(of: name, type)
                found.hosts += one.hosts
                found.secondsToLive = min(found.secondsToLive, one.secondsToLive)
            } catch {
                // Half of an answer would pass for all of it.
                guard error == .noName || error == .noRecords else { throw error }
                failure = error
            }
        }
        guard !found.hosts.isEmpty else { throw failure }
        return found
    }

    private func addresses(of name: String, _ type: RecordType) throws(NameFailure) -> Found {
        let (contents, seconds) = try ask(name, type).get().answer { content in
            if case .host(let host) = content { host.isOne(of: [type]) } else { false }
        }
        let hosts = contents.compactMap { if case .host(let host) = $0, !host.isUnspecified { host } else { nil } }
        guard !hosts.isEmpty else { throw .noRecords }
        return Found(hosts: hosts, secondsToLive: seconds)
    }

    // MARK: Services

    private func services(of name: String) throws(NameFailure) -> NameAnswer {
        let message = try ask(name, .srv).get()
        var (contents, seconds) = message.answer { if case .service = $0 { true } else { false } }
        var servers: [(service: DNSMessage.Service, host: HostAddress)] = []
        var known: [String: Found] = [:]
        for (service, target) in Self.usable(contents) {
            do throws(NameFailure) {
                let found: Found
                if let one = known[target] ?? message.addresses(of: target) {
                    found = one
                } else {
                    found = try addresses(of: target + ".", [.a, .aaaa])
                }
                known[target] = found
                seconds = min(seconds, found.secondsToLive)
                servers += found.hosts.map { (service, $0) }
            } catch {
                guard error == .noName || error == .noRecords else { throw error }
                known[target] = Found(hosts: [], secondsToLive: .max)
            }
        }
        guard !servers.isEmpty else { throw .noRecords }
        return NameAnswer(servers: ResolvedServer.of(servers), secondsToLive: seconds)
    }

    /// A target that is the root says that there is no such service (RFC 2782).
    private static func usable(_ contents: [DNSMessage.Content]) -> [(DNSMessage.Service, String)] {
        let all: [(DNSMessage.Service, String)] = contents.compactMap { content in
            guard case .service(let service) = content, let target = service.target, !target.isEmpty, service.port > 0
            else { return nil }
            return (service, target)
        }
        return Array(
            all.sorted { ($0.0.priority, $0.1, $0.0.port) < ($1.0.priority, $1.1, $1.0.port) }.prefix(servicesMax))
    }
}

extension DNSMessage {
    /// What comes along with the answer; nil where nothing does.
    fileprivate func addresses(of target: String) -> NameLookup.Found? {
        var hosts: [HostAddress] = []
        var seconds = UInt32.max
        for record in additional where record.owner == target {
            guard case .host(let host) = record.content, !host.isUnspecified else { continue }
            hosts.append(host)
            seconds = min(seconds, record.secondsToLive)
        }
        return hosts.isEmpty ? nil : NameLookup.Found(hosts: hosts, secondsToLive: seconds)
    }
}

extension HostAddress {
    fileprivate func isOne(of types: [RecordType]) -> Bool {
        switch self {
        case .ipv4: types.contains(.a)
        case .ipv6: types.contains(.aaaa)
        }
    }
}

extension NameLookup {
    /// The longest message there is.
    private static let bytesMax = 65_535

    private static func askServers(_ name: String, _ type: RecordType) -> Result<DNSMessage, NameFailure> {
        var length: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: bytesMax) { buffer, count in
            length = clinux_ask_name(name, Int32(type.rawValue), buffer.baseAddress, buffer.count)
            count = Int(max(0, length))
        }
        guard length >= 0 else { return .failure(NameFailure(code: length)) }
        return DNSMessage(bytes).map { .success($0) } ?? .failure(.badAnswer)
    }
}
