import CLinux
import LinuxCalls
import Testing

@testable import DataPlane

/// What a look has told, as a word that can be compared.
enum Told {
    static func proxy(_ bytes: [UInt8]) -> String {
        switch bytes.withUnsafeBytes({ ProxyHeader.look($0) }) {
        case .incomplete(let needed): return "needs \(needed)"
        case .refused(let fault): return "\(fault)"
        case .found(let header) where header.isLocal:
            #expect(header.source.isUnknown && header.destination.isUnknown)
            return "v\(header.version) local, \(header.length) bytes"
        case .found(let header):
            return "v\(header.version) \(header.source) > \(header.destination), \(header.length) bytes"
        }
    }

    static func proxy(_ text: String) -> String { proxy(Array(text.utf8)) }

    /// `NAME [PROTOCOLS]`, with `ECH` behind it.
    static func hello(_ bytes: [UInt8], room: Int = ClientHello.lengthMax) -> String {
        withUnsafeTemporaryAllocation(byteCount: room, alignment: 1) { scratch in
            switch bytes.withUnsafeBytes({ ClientHello.look($0, scratch: scratch) }) {
            case .incomplete(let needed): return "needs \(needed)"
            case .refused(let fault): return "\(fault)"
            case .found(let hello):
                let name = hello.serverName.map { String(decoding: scratch[$0], as: UTF8.self) }
                let names = hello.protocols.map { range in
                    ProtocolNames(UnsafeRawBufferPointer(rebasing: scratch[range])).map {
                        String(decoding: $0, as: UTF8.self)
                    }
                }
                return "\(name ?? "-") \(names?.description ?? "-")\(hello.hasEncryptedHello ? " ECH" : "")"
            }
        }
    }

    /// A look at every beginning tells that more is needed, as much as it says exactly, and never more than there is;
    /// or the same as a look at all.
    static func expectSameAtEachCut(_ bytes: [UInt8], _ name: String, _ look: ([UInt8]) -> String) {
        let whole = look(bytes)
        #expect(!whole.hasPrefix("needs"), "\(name)")
        var wanted = 1
        for cut in 0..<bytes.count {
            let told = look(Array(bytes[..<cut]))
            if told.hasPrefix("needs ") {
                let needed = Int(told.dropFirst(6)) ?? 0
                // Whoever waits for what was said to be needed misses nothing.
                #expect(needed == wanted || (cut == wanted && needed > cut), "\(name), cut at \(cut)")
                #expect(needed > cut && needed <= bytes.count, "\(name), cut at \(cut)")
                wanted = needed
            } else {
                #expect(told == whole && cut >= wanted, "\(name), cut at \(cut)")
            }
        }
    }
}

/// The seeds of the fuzzer: headers and hellos written by hand, or captured from what programs send.
enum Seeds {
    static let proxyHeaders = [
        "v1-tcp4", "v1-tcp6", "v1-tcp6-longest", "v1-unknown", "v1-unknown-short", "v2-local", "v2-local-block",
        "v2-tcp4", "v2-tcp4-fused", "v2-tcp4-tlvs", "v2-tcp6", "v2-tcp6-checksum", "v2-unix", "v2-unspec",
    ]
    static let clientHellos = [
        "curl", "go", "mlkem-ech-grease", "mlkem-two-records", "one-byte-records", "openssl-long-name",
        "openssl-no-name", "openssl-small-fragments", "openssl-tls12", "openssl-tls13", "openssl-tls13-only",
        "openssl-upper-dot", "python",
    ]

    static func read(_ target: String, _ name: String) throws -> [UInt8] {
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let file = try checked(clinux_open_file("/\(root)/Tests/Fuzz/Corpus/\(target)/\(name)"), "open")
        defer { _ = clinux_close(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = clinux_read(file, &bytes, bytes.count)
        try #require(count > 0)
        return Array(bytes[..<Int(count)])
    }
}

extension Array where Element == UInt8 {
    /// From hexadecimal digits in pairs; spaces between them mean nothing.
    init(hex: String) {
        let digits = hex.compactMap(\.hexDigitValue).map { UInt8($0) }
        self = stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// Behind a length of so many bytes.
    func behindLength(_ bytes: Int) -> [UInt8] {
        (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + self
    }
}
