/// What is wrong with one value, and what to write instead.
package struct ValueProblem: Error, Equatable {
    /// Continues a sentence whose subject is the value, e.g. `is not a number`.
    package let reason: String
    /// An order, e.g. `write a number from 1 to 64`.
    package let cure: String

    package init(_ reason: String, cure: String) {
        self.reason = reason
        self.cure = cure
    }
}
