/// Numbers with a fixed number of digits behind the point, rounded half up.
enum Decimal {
    /// `numerator / denominator`, both at least 0 and the second above 0.
    static func text(_ numerator: UInt64, over denominator: UInt64, digits: Int) -> String {
        let scale = (0..<digits).reduce(UInt64(1)) { power, _ in power * 10 }
        let (high, low) = numerator.multipliedFullWidth(by: scale)
        // Beyond 2⁶⁴ the digits behind the point do not matter any more.
        guard high < denominator else { return "\(numerator / denominator)" }
        let (quotient, remainder) = denominator.dividingFullWidth((high, low))
        let rounded = remainder >= denominator - denominator / 2 ? quotient &+ 1 : quotient
        guard digits > 0 else { return "\(rounded)" }
        let fraction = String(rounded % scale)
        return "\(rounded / scale).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }
}
