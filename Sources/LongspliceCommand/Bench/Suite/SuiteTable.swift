/// Rows in columns.
enum SuiteTable {
    static func text(_ rows: [SuiteRow]) -> String {
        let lines = ([SuiteRow.heading] + rows).map(\.cells)
        let widths = lines.reduce([Int](repeating: 0, count: 6)) { widths, cells in
            zip(widths, cells).map { max($0, $1.count) }
        }
        return lines.map { cells in
            let padded = zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            let line = padded.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}
