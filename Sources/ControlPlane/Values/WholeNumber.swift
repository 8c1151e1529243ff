/// Decimal whole numbers inside a range.
package enum WholeNumber {
    /// - Returns: the number, when `text` is nothing but decimal digits and inside `range`.
    package static func parse(_ text: String, in range: ClosedRange<Int>) throws(ValueProblem) -> Int {
        let cure = "write a whole number from \(range.lowerBound) to \(range.upperBound)"
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard isDigits(digits) else { throw ValueProblem("is not a whole number", cure: cure) }
        // Digits that do not fit an Int are a number nevertheless, and a too large one.
        guard let number = Int(text), range.contains(number) else { throw ValueProblem("is out of range", cure: cure) }
        return number
    }

    /// One digit or more, ASCII only.
    static func isDigits(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    }
}
