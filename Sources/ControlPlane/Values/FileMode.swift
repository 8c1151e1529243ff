/// The permissions of a file as chmod(1) takes them: three octal digits, with or without a zero before them.
package enum FileMode {
    package static func parse(_ text: String) throws(ValueProblem) -> UInt32 {
        let digits = text.count == 4 && text.hasPrefix("0") ? text.dropFirst() : text[...]
        guard digits.count == 3, let mode = UInt32(digits, radix: 8), WholeNumber.isDigits(digits) else {
            throw ValueProblem("is no file mode", cure: "write three octal digits, for example \"0660\"")
        }
        return mode
    }
}
