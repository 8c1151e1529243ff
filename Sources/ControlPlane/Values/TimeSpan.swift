/// A span of time as flags spell it: `500ms`, `5s`, `10m`, `1h`. A plain number is rejected: nobody knows its unit.
package struct TimeSpan: Equatable, Comparable, Sendable {
    package let milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }

    // `ms` stands before `s`, which it ends with.
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000),
    ]

    /// 30 days, the longest a flag takes.
    package static let longest = TimeSpan(milliseconds: 720 * 3_600_000)

    package init(
        _ text: String, atLeast shortest: TimeSpan = TimeSpan(milliseconds: 1), atMost longest: TimeSpan = longest
    ) throws(ValueProblem) {
        let bounds = "from \(shortest) to \(longest)"
        if WholeNumber.isDigits(text[...]) {
            throw ValueProblem("has no unit", cure: "write \(text)s for seconds, or use ms, m or h")
        }
        let unit = Self.units.first { text.hasSuffix($0.name) }
        let digits = text.dropLast(unit?.name.count ?? 0)
        guard let unit, WholeNumber.isDigits(digits) else {
            throw ValueProblem("is not a time", cure: "write a whole number of ms, s, m or h, \(bounds)")
        }
        let (product, overflows) = (Int64(digits) ?? .max).multipliedReportingOverflow(by: unit.milliseconds)
        let span = TimeSpan(milliseconds: product)
        guard !overflows, span >= shortest, span <= longest else {
            throw ValueProblem("is out of range", cure: "write a time \(bounds)")
        }
        self = span
    }

    package static func < (a: TimeSpan, b: TimeSpan) -> Bool { a.milliseconds < b.milliseconds }
}

extension TimeSpan: CustomStringConvertible {
    /// In the largest unit that divides it, as the flags take it.
    package var description: String {
        let unit = Self.units.last { milliseconds >= $0.milliseconds && milliseconds % $0.milliseconds == 0 }
        guard let unit else { return "\(milliseconds)ms" }
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
}
