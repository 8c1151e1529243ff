/// A number of bytes as flags spell it: `65536`, `64KiB`, `1MiB`, `1GiB`.
///
/// Only powers of 1024, and only by their own names: `K`, `KB` and `M` mean different things to different people.
package struct ByteSize: Equatable, Comparable, Sendable {
    package let bytes: Int

    package init(bytes: Int) { self.bytes = bytes }

    private static let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]

    /// - Parameter range: in bytes, both ends allowed.
    package init(_ text: String, in range: ClosedRange<Int>) throws(ValueProblem) {
        let unit = Self.units.first { text.hasSuffix($0.0) }
        let digits = text.dropLast(unit?.0.count ?? 0)
        let bounds = "from \(ByteSize(bytes: range.lowerBound)) to \(ByteSize(bytes: range.upperBound))"
        guard WholeNumber.isDigits(digits) else {
            throw ValueProblem(
                "is not a size", cure: "write plain bytes or a whole number of KiB, MiB or GiB, \(bounds)")
        }
        guard let number = Int(digits) else { throw ValueProblem("is out of range", cure: "write a size \(bounds)") }
        let (bytes, overflows) = number.multipliedReportingOverflow(by: unit?.1 ?? 1)
        guard !overflows, range.contains(bytes) else {
            throw ValueProblem("is out of range", cure: "write a size \(bounds)")
        }
        self.bytes = bytes
    }

    package static func < (a: ByteSize, b: ByteSize) -> Bool { a.bytes < b.bytes }
}

extension ByteSize: CustomStringConvertible {
    /// In the largest unit that divides it, as the flags take it.
    package var description: String {
        for (name, factor) in Self.units.reversed() where bytes >= factor && bytes % factor == 0 {
            return "\(bytes / factor)\(name)"
        }
        return "\(bytes)"
    }
}
