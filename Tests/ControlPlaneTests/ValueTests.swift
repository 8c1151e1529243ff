import LinuxCalls
import Testing

@testable import ControlPlane

@Suite("Values of flags")
struct ValueTests {
    @Test(
        "sizes are plain bytes or powers of 1024",
        arguments: [("4096", 4096), ("64KiB", 65_536), ("1MiB", 1 << 20), ("1GiB", 1 << 30), ("0004096", 4096)])
    func sizes(text: String, bytes: Int) throws {
        #expect(try ByteSize(text, in: 4096...(1 << 30)).bytes == bytes)
    }

    @Test(
        "other sizes are refused with the units that exist",
        arguments: ["", "K", "64KB", "64K", "1M", "1 MiB", "1.5MiB", "-5", "0x10", "1TiB", "64KB!", "MiB", "٣MiB"])
    func strangeSizes(text: String) {
        let problem = problem { () throws(ValueProblem) in _ = try ByteSize(text, in: 4096...(1 << 30)) }
        #expect(problem?.reason == "is not a size")
        #expect(problem?.cure == "write plain bytes or a whole number of KiB, MiB or GiB, from 4KiB to 1GiB")
    }

    @Test(
        "sizes out of range are refused with the range",
        arguments: ["0", "4095", "2GiB", "99999999999999999999", "9999999999GiB"])
    func sizesOutOfRange(text: String) {
        let problem = problem { () throws(ValueProblem) in _ = try ByteSize(text, in: 4096...(1 << 30)) }
        #expect(problem == ValueProblem("is out of range", cure: "write a size from 4KiB to 1GiB"))
    }

    @Test("sizes are shown as the flags take them", arguments: ["1GiB", "3MiB", "64KiB", "4097", "0"])
    func shownSizes(text: String) throws {
        #expect(try ByteSize(text, in: 0...Int.max).description == text)
    }

    @Test(
        "times have a unit",
        arguments: [("500ms", 500), ("5s", 5_000), ("10m", 600_000), ("1h", 3_600_000), ("720h", 2_592_000_000)])
    func times(text: String, milliseconds: Int64) throws {
        let span = try TimeSpan(text)
        #expect(span.milliseconds == milliseconds)
        #expect(try TimeSpan(span.description) == span)
    }

    @Test("a plain number is no time, and the cure names it with a unit")
    func plainNumber() {
        let problem = problem { () throws(ValueProblem) in _ = try TimeSpan("5") }
        #expect(problem == ValueProblem("has no unit", cure: "write 5s for seconds, or use ms, m or h"))
    }

    @Test("other times are refused", arguments: ["", "s", "soon", "-1s", "1.5s", "1d", "1 s", "1S"])
    func strangeTimes(text: String) {
        #expect(problem { () throws(ValueProblem) in _ = try TimeSpan(text) }?.reason == "is not a time")
    }

    @Test(
        "times out of range are refused with the range",
        arguments: ["0s", "721h", "99999999999999999999s", "9999999999999999h"])
    func timesOutOfRange(text: String) {
        let problem = problem { () throws(ValueProblem) in _ = try TimeSpan(text) }
        #expect(problem == ValueProblem("is out of range", cure: "write a time from 1ms to 720h"))
    }

    @Test("whole numbers have nothing but digits", arguments: ["", "-", "1e3", "+5", " 5", "5 ", "0x5", "many", "５"])
    func strangeNumbers(text: String) {
        let problem = problem { () throws(ValueProblem) in _ = try WholeNumber.parse(text, in: 1...64) }
        #expect(problem == ValueProblem("is not a whole number", cure: "write a whole number from 1 to 64"))
    }

    @Test("whole numbers are inside their range", arguments: ["0", "-1", "65", "99999999999999999999"])
    func numbersOutOfRange(text: String) {
        #expect(
            problem { () throws(ValueProblem) in _ = try WholeNumber.parse(text, in: 1...64) }?.reason
                == "is out of range")
    }
}
