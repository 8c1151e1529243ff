import DataPlane
import LinuxCalls

// Values that depend on each other. Each is set by one call, whoever has read them, and problems name them as they are called there.
extension ServeConfiguration {
    /// - Parameters: nil for what is not given.
    ///
    /// Throws what is wrong with the completion queue's depth.
    mutating func setDepths(_ depth: Int?, completions: Int?) throws(ValueProblem) {
        let depth = depth ?? Int(ring.ringDepth)
        let completions = completions ?? max(Int(ring.completionDepth), depth)
        guard completions >= depth else {
            throw ValueProblem("is less than \(names.ringDepth) \(depth)", cure: "write at least \(depth)")
        }
        ring.ringDepth = UInt32(depth)
        ring.completionDepth = UInt32(completions)
    }

    /// - Parameters:
    ///   - size: of a pipe in bytes, nil where it is not given.
    ///   - chunk: in bytes, nil where it is not given.
    ///   - pipeBytesMax: the largest pipe this process may ask for.
    ///
    /// Throws what is wrong with the chunk.
    mutating func setPipes(_ size: Int?, chunk: Int?, pipeBytesMax: Int) throws(ValueProblem) {
        pipeBytes = size ?? min(pipeBytes, pipeBytesMax)
        chunkBytes = chunk ?? min(chunkBytes, pipeBytes)
        guard chunkBytes <= pipeBytes else {
            let most = ByteSize(bytes: pipeBytes)
            throw ValueProblem(
                "is more than a pipe of \(names.pipeSize) \(most) holds", cure: "write at most \(most) or leave it out")
        }
    }

    /// Throws what is wrong with the format, where there is one.
    mutating func setAccessLog(_ place: AccessLogPlace?, format: AccessLogFormat?) throws(ValueProblem) {
        guard place != nil || format == nil else {
            throw ValueProblem(
                "is for an access log, and there is none", cure: "add \(names.accessLog) or leave it out")
        }
        accessLog = place
        accessLogFormat = format ?? accessLogFormat
    }

    /// Buffers are the ring's too.
    mutating func setBuffers(bytes: Int?, count: Int?) {
        buffers.bytes = bytes ?? buffers.bytes
        buffers.count = count ?? buffers.count
        ring.buffers = buffers
    }
}

extension ByteSize {
    /// The size of a pipe; where it is out of range, says whose range that is.
    static func ofPipe(_ text: String, _ pipeBytesMax: Int) throws(ValueProblem) -> Int {
        do throws(ValueProblem) {
            return try ByteSize(text, in: Bounds.pipe(pipeBytesMax)).bytes
        } catch {
            throw ValueProblem(error.reason, cure: error.cure + " (fs.pipe-max-size)")
        }
    }
}

extension Balance {
    /// By its name.
    package static func parse(_ name: String) throws(ValueProblem) -> Balance {
        guard let found = Balance(name: name) else { throw ValueProblem.noChoice(allCases.map(\.name)) }
        return found
    }
}

extension SocketAddress {
    /// An address that connections come from.
    static func source(_ text: String) throws(ValueProblem) -> SocketAddress {
        guard let address = SocketAddress(numeric: text, port: 0) else {
            throw ValueProblem("is no address", cure: "write an IPv4 or IPv6 address of this machine, without a port")
        }
        return address
    }
}

/// A path as it was written; nothing is looked for there.
enum FilePath {
    static func parse(_ text: String) throws(ValueProblem) -> String {
        guard !text.isEmpty else { throw ValueProblem("is no path", cure: "name a file") }
        return text
    }
}

extension ValueProblem {
    static func noChoice(_ names: [String]) -> ValueProblem {
        let cure = names.count == 1 ? "the only one is \(names[0])" : "write one of \(names.joined(separator: ", "))"
        return ValueProblem("is none that exists", cure: cure)
    }
}
