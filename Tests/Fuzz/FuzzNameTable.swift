import DataPlane

/// The first line holds patterns, each behind a comma; the rest is a name. The answer is the one that a search through
/// all patterns gives.
func fuzzNameTable(_ bytes: UnsafeRawBufferPointer) {
    let parts = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return }
    let texts = parts[0].split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    let patterns = texts.map { String(decoding: $0, as: UTF8.self) }.filter { NamePattern.problem(in: $0) == nil }
    let table = NameTable(patterns.enumerated().map { ([$1], $0) })
    let name = Array(parts[1])
    let found = name.withUnsafeBytes { table.route(for: $0) }
    precondition(found == search(for: name, in: patterns))
    // A list of ALPN may be anything.
    let protocols = ProtocolTable(
        texts.filter { (1...255).contains($0.count) }.enumerated().map {
            ([String(String(decoding: $1, as: UTF8.self).prefix(80))], $0)
        })
    _ = name.withUnsafeBytes { protocols.route(for: $0) }
}

private func search(for name: [UInt8], in patterns: [String]) -> Int? {
    func plain(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var bytes = bytes.map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 }
        if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
        return bytes
    }
    let name = plain(name)
    guard (1...NamePattern.bytesMax).contains(name.count) else { return nil }
    var best: (length: Int, route: Int)?
    for (route, pattern) in patterns.enumerated() {
        let text = plain(pattern.utf8)
        if text == name { return route }
        guard text.starts(with: "*.".utf8) else { continue }
        let suffix = text.dropFirst()
        guard name.count > suffix.count, name.suffix(suffix.count).elementsEqual(suffix) else { continue }
        if suffix.count > best?.length ?? 0 { best = (suffix.count, route) }
    }
    return best?.route
}
