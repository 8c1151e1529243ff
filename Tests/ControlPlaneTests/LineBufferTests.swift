import Testing

@testable import ControlPlane

@Suite("The buffer of lines")
struct LineBufferTests {
    // Of a type that cannot be copied nothing can be expected directly.
    private func text(_ lines: borrowing LineBuffer) -> String { String(decoding: lines.bytes, as: UTF8.self) }

    @Test("gives whole lines up to a limit, and a part only where not even one fits")
    func wholeLines() {
        var lines = LineBuffer()
        lines.append("one\ntwo\nthree\n")
        let whole = [100, 9, 8, 7, 2].map { lines.wholeLines(atMost: $0) }
        #expect(whole == [14, 8, 8, 4, 2])
        let (first, count) = (lines.firstLine, lines.lineCount)
        #expect(first == 4 && count == 3)
    }

    @Test("goes back to the beginning of a line that was written in part")
    func rewind() {
        var lines = LineBuffer()
        lines.append("one\ntwo\n")
        lines.remove(2)
        #expect(text(lines) == "e\ntwo\n")
        lines.rewindToLine()
        #expect(text(lines) == "one\ntwo\n")
        lines.remove(4)
        lines.rewindToLine()
        #expect(text(lines) == "two\n")
        lines.remove(1)
        lines.rewindToLine()
        #expect(text(lines) == "two\n")
        lines.remove(4)
        lines.rewindToLine()
        #expect(text(lines) == "")
    }

    @Test("has room until the longest line might not fit, and all of it again once it is empty")
    func room() {
        var lines = LineBuffer()
        var count = 0
        while lines.hasRoom {
            lines.append(Array(repeating: UInt8(ascii: "x"), count: LineBuffer.lineBytesMax))
            count += 1
        }
        #expect(count == LineBuffer.capacity / LineBuffer.lineBytesMax)
        lines.remove(lines.count)
        let fitting = lines.linesFitting
        #expect(text(lines) == "" && fitting == count)
    }
}
