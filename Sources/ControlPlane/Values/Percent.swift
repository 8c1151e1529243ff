/// A share: `50%`.
package enum Percent {
    /// - Returns: hundredths, 1 to 100.
    package static func parse(_ text: String) throws(ValueProblem) -> Int {
        let digits = text.dropLast()
        guard text.hasSuffix("%"), WholeNumber.isDigits(digits), let number = Int(digits), (1...100).contains(number)
        else { throw ValueProblem("is no share", cure: "write 1% to 100%") }
        return number
    }
}
