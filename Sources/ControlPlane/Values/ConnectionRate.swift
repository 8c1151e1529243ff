/// How many connections in which time: `50/s` or `100/m`.
package struct ConnectionRate: Equatable, Sendable {
    package let count: Int
    /// 1 or 60.
    package let seconds: Int

    package static let countMax = 1_000_000

    package init(count: Int, seconds: Int) {
        self.count = count
        self.seconds = seconds
    }

    package init(_ text: String) throws(ValueProblem) {
        let cure = "write a number from 1 to \(Self.countMax) for each second or minute, for example 50/s or 100/m"
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, WholeNumber.isDigits(parts[0]), parts[1] == "s" || parts[1] == "m" else {
            throw ValueProblem("is no rate of connections", cure: cure)
        }
        guard let count = Int(parts[0]), (1...Self.countMax).contains(count) else {
            throw ValueProblem("is out of range", cure: cure)
        }
        self.init(count: count, seconds: parts[1] == "s" ? 1 : 60)
    }
}
