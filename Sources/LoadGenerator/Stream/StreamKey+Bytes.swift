/// Making and checking the bytes, 8 at a time, from any offset on.
extension StreamKey {
    /// Fills a buffer with the stream from `offset` on.
    package func fill(_ buffer: UnsafeMutableRawBufferPointer, from offset: UInt64) {
        guard let base = buffer.baseAddress else { return }
        var at = base
        var left = buffer.count
        var sequence = sequence(at: offset &>> 3)
        let skip = Int(offset & 7)
        if skip != 0 {
            let count = min(8 - skip, left)
            withUnsafeBytes(of: Self.word(sequence).littleEndian) { bytes in
                at.copyMemory(
                    from: UnsafeRawPointer(bytes.baseAddress ?? UnsafeRawPointer(base)) + skip, byteCount: count)
            }
            (at, left, sequence) = (at + count, left - count, sequence &+ Self.step)
        }
        let end = at + (left & ~7)
        while at < end {
            at.storeBytes(of: Self.word(sequence).littleEndian, as: UInt64.self)
            at += 8
            sequence = sequence &+ Self.step
        }
        guard left & 7 != 0 else { return }
        withUnsafeBytes(of: Self.word(sequence).littleEndian) { bytes in
            at.copyMemory(from: bytes.baseAddress ?? UnsafeRawPointer(base), byteCount: left & 7)
        }
    }

    /// The index in the buffer of the first byte that is not the stream's, nil where all are.
    package func firstWrong(in buffer: UnsafeRawBufferPointer, from offset: UInt64) -> Int? {
        guard let base = buffer.baseAddress else { return nil }
        var index = 0
        let lead = min(Int((8 &- (offset & 7)) & 7), buffer.count)
        if lead > 0, let wrong = firstWrongByte(in: buffer, 0..<lead, from: offset) { return wrong }
        index = lead
        var sequence = sequence(at: (offset &+ UInt64(lead)) &>> 3)
        // Blocks of 32 bytes: one branch for four words.
        while index + 32 <= buffer.count {
            var difference: UInt64 = 0
            for word in 0..<4 {
                let got = UInt64(littleEndian: (base + index + word &* 8).loadUnaligned(as: UInt64.self))
                difference |= got ^ Self.word(sequence)
                sequence = sequence &+ Self.step
            }
            if difference != 0 { return firstWrongByte(in: buffer, index..<(index + 32), from: offset) }
            index += 32
        }
        return firstWrongByte(in: buffer, index..<buffer.count, from: offset)
    }

    /// At most 39 bytes: the ends of a buffer, and a block that is known to be wrong.
    private func firstWrongByte(in buffer: UnsafeRawBufferPointer, _ range: Range<Int>, from offset: UInt64) -> Int? {
        range.first { buffer[$0] != byte(at: offset &+ UInt64($0)) }
    }
}
