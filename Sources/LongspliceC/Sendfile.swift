import LinuxCalls
import Longsplice
import LongspliceHeader

/// Sends headers, a part of a file, and trailers. 0, or -1 with errno; `sent` is written in any case.
@c @implementation
public func longsplice_sendfile(
    _ file: Int32, _ socket: Int32, _ offset: UInt64, _ length: UInt64, _ hdtr: UnsafePointer<longsplice_hdtr>?,
    _ sent: UnsafeMutablePointer<UInt64>?, _ flags: UInt32
) -> Int32 {
    answer(sendfile(file, socket, offset, length == .max ? nil : length, hdtr?.pointee, sent, flags))
}

/// 0 or `-errno`.
private func sendfile(
    _ file: Int32, _ socket: Int32, _ offset: UInt64, _ length: UInt64?, _ hdtr: longsplice_hdtr?,
    _ sent: UnsafeMutablePointer<UInt64>?, _ flags: UInt32
) -> Int32 {
    sent?.pointee = 0
    guard flags == 0, let headers = parts(hdtr?.headers, hdtr?.header_count ?? 0),
        let trailers = parts(hdtr?.trailers, hdtr?.trailer_count ?? 0)
    else { return Errno.invalid }
    guard !SplicerOfProcess.isAnothers else { return Errno.notSupported }
    let splicer: Splicer
    do throws(SpliceError) { splicer = try SplicerOfProcess.get() } catch { return 0 &- error.errno }
    do throws(SendfileError) {
        let count = try splicer.sendfileBlocking(
            Descriptor(file), to: Descriptor(socket), offset: offset, length: length, headers: headers,
            trailers: trailers)
        sent?.pointee = count
        return 0
    } catch {
        sent?.pointee = error.bytesSent
        return number(of: error)
    }
}

/// Copies; nil where a length has no bytes.
private func parts(_ list: UnsafePointer<longsplice_part>?, _ count: Int) -> [[UInt8]]? {
    guard count > 0 else { return count == 0 ? [] : nil }
    guard let list else { return nil }
    var all: [[UInt8]] = []
    for part in UnsafeBufferPointer(start: list, count: count) where part.length != 0 {
        guard let bytes = part.bytes, part.length > 0 else { return nil }
        all.append(Array(UnsafeRawBufferPointer(start: bytes, count: part.length)))
    }
    return all
}

/// `-errno`, where the kernel has given none too.
private func number(of error: SendfileError) -> Int32 {
    if error.errno != 0 { return 0 &- error.errno }
    return switch error.reason {
    case .connectionLost: Errno.brokenPipe
    // Nobody cancels from C.
    case .fileShrank, .system, .refused, .cancelled: Errno.inputOutput
    }
}
