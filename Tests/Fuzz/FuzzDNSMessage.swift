import LinuxCalls

/// What answers a question is among the answers, at the end of at most sixteen aliases, and is kept no longer than any of them says.
func fuzzDNSMessage(_ bytes: UnsafeRawBufferPointer) {
    guard let message = DNSMessage(Array(bytes)) else { return }
    precondition(message.question.utf8.count <= 254)
    for record in message.answers + message.additional {
        precondition((record.owner ?? "").utf8.allSatisfy { $0.isOfName && !(0x41...0x5A).contains($0) })
    }
    let (contents, seconds) = message.answer { if case .host = $0 { true } else { false } }
    let hosts = message.answers.filter { if case .host = $0.content { true } else { false } }
    precondition(contents.isEmpty || hosts.contains { contents[0] == $0.content && seconds <= $0.secondsToLive })
    for case .host(let host) in contents {
        let address = host.socketAddress(port: 7)
        precondition(address.isTCP && address.port == 7)
    }
}
