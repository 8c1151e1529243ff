/// Moments as `2026-01-01T00:00:00.000Z`, for many lines of the same day: its date is written once.
struct DayText {
    private static let dayMillis: Int64 = 86_400_000

    private var day: Int64 = .min
    private var date: [UInt8] = []

    /// - Parameter milliseconds: since 1970; what lies before is written as 1970.
    mutating func append(_ milliseconds: Int64, to line: inout LineBuffer) {
        let moment = max(0, milliseconds)
        let today = moment / Self.dayMillis
        if today != day {
            day = today
            date = Array(Timestamp(milliseconds: today * Self.dayMillis).description.utf8.prefix { $0 != 0x54 })
        }
        let ofDay = UInt64(moment % Self.dayMillis)
        line.append(date)
        line.append("T")
        line.append(ofDay / 3_600_000, width: 2)
        line.append(":")
        line.append(ofDay / 60_000 % 60, width: 2)
        line.append(":")
        line.append(ofDay / 1_000 % 60, width: 2)
        line.append(".")
        line.append(ofDay % 1_000, width: 3)
        line.append("Z")
    }
}
