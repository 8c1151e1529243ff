/// A share: `50%`.
package enum Percent {
    /// - Returns: hundredths, 1 to 100.
    package static func parse(_ text: String) throws(ValueProblem) -> Int { try parse(text, from: 1) }

    /// - Returns: hundredths.
    package static func parse(_ text: String, from least: Int) throws(ValueProblem) -> Int {
        let digits = text.dropLast()
        guard text.hasSuffix("%"), WholeNumber.isDigits(digits), let number = Int(digits),
            (least...100).contains(number)
        else { throw ValueProblem("is no share", cure: "write \(least)% to 100%") }
        return number
    }
}
