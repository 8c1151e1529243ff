import Glibc

/// One parser at a time, by the name in FUZZ_TARGET, is given whatever bytes lead it to places where it has not been
/// yet.
///
/// Ends by a trap, or by AddressSanitizer, where a promise does not hold. A target is a function and its line here,
/// and a folder of seeds in `Corpus` by the same name. Source: llvm.org/docs/LibFuzzer.html.
enum Fuzz {
    static func target(_ name: String) -> (@Sendable (UnsafeRawBufferPointer) -> Void)? {
        switch name {
        case "proxy-header": fuzzProxyHeader
        case "client-hello": fuzzClientHello
        case "name-table": fuzzNameTable
        case "dns-message": fuzzDNSMessage
        default: nil
        }
    }

    static let chosen: @Sendable (UnsafeRawBufferPointer) -> Void = {
        guard let name = getenv("FUZZ_TARGET"), let target = target(String(cString: name)) else {
            preconditionFailure("FUZZ_TARGET names no target")
        }
        return target
    }()
}

/// What libFuzzer calls, with bytes of its own.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    Fuzz.chosen(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
}
