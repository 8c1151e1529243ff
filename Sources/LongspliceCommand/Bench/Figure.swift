/// Numbers for people, in three or four digits.
enum Figure {
    static func bytes(_ count: UInt64) -> String {
        let units: [(String, Double)] = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)]
        for (name, factor) in units where Double(count) >= factor { return "\(digits(Double(count) / factor)) \(name)" }
        return "\(count) B"
    }

    static func seconds(_ seconds: Double) -> String { "\(digits(seconds)) s" }

    static func micros(_ nanoseconds: UInt64) -> String {
        nanoseconds >= 10_000_000
            ? "\(digits(Double(nanoseconds) / 1e6)) ms" : "\(digits(Double(nanoseconds) / 1e3)) µs"
    }

    static func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }

    static func count(_ number: Double) -> String {
        number >= 1e6 ? "\(digits(number / 1e6)) M" : number >= 1e4 ? "\(digits(number / 1e3)) k" : digits(number)
    }

    private static func digits(_ number: Double) -> String {
        let decimals = number >= 100 ? 1.0 : number >= 10 ? 10.0 : 100.0
        let rounded = (number * decimals).rounded() / decimals
        return decimals == 1 ? "\(Int(rounded))" : "\(rounded)"
    }
}
