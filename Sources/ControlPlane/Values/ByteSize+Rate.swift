extension ByteSize {
    /// Bytes in a second, as in `100MiB/s`.
    package static func perSecond(_ text: String) throws(ValueProblem) -> Int {
        guard text.hasSuffix("/s") else {
            throw ValueProblem("is no rate of bytes", cure: "write a size for each second, for example 100MiB/s")
        }
        return try ByteSize(String(text.dropLast(2)), in: Bounds.bytesPerSecond).bytes
    }
}
