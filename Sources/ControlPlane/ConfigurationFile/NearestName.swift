/// Which of some names was probably meant.
enum NearestName {
    /// Longer ones are not compared.
    private static let scalarsMax = 64

    /// Nil where none is near: more than a third of the letters would have to change.
    static func of(_ name: String, in names: [String]) -> String? {
        let wanted = Array(name.unicodeScalars.prefix(scalarsMax + 1))
        guard (1...scalarsMax).contains(wanted.count) else { return nil }
        let near = names.map { (name: $0, distance: distance(wanted, Array($0.unicodeScalars))) }
            .min { $0.distance < $1.distance }
        if let near, near.distance <= max(1, wanted.count / 3) { return near.name }
        // `listen` for `listeners`.
        return wanted.count < 3 ? nil : names.first { $0.hasPrefix(name) }
    }

    /// Letters to insert, remove or replace, or neighbours to exchange (optimal string alignment).
    private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
        var rows = [Array(0...b.count)]
        for (i, letter) in a.enumerated() {
            var row = [i + 1]
            for (j, other) in b.enumerated() {
                var best = min(rows[i][j] + (letter == other ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, letter == b[j - 1], a[i - 1] == other { best = min(best, rows[i - 1][j - 1] + 1) }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
