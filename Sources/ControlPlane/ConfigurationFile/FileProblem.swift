/// Something in a configuration file that has to be changed, or had better be.
package struct FileProblem: Equatable, Sendable {
    package let place: FilePlace
    /// As it was written and substituted; nil where no single value is wrong.
    package let value: String?
    package let problem: ValueProblem
    /// The file can be served nevertheless.
    package let isWarning: Bool

    package init(_ place: FilePlace, _ problem: ValueProblem, value: String? = nil, isWarning: Bool = false) {
        self.place = place
        self.value = value
        self.problem = problem
        self.isWarning = isWarning
    }

    /// `FILE:LINE:COLUMN: KEY VALUE: REASON; CURE`, one line. A value longer than 100 characters is cut short.
    package var line: String {
        var subject = place.text
        if let value { subject += " " + (value.count > 100 ? value.prefix(100) + "…" : value) }
        let warning = isWarning ? " warning:" : ""
        let colon = place.key.isEmpty && value == nil ? "" : ":"
        return Escape.controls(in: "\(subject)\(colon)\(warning) \(problem.reason); \(problem.cure)")
    }
}

/// Why a file cannot be served: everything that was found, in the order of the places.
package struct FileProblems: Error, Equatable {
    package let problems: [FileProblem]

    /// Lines shown at most; the rest is counted.
    private static let shownMax = 100

    /// One line for each, without their ends.
    package var lines: [String] {
        let shown = problems.prefix(Self.shownMax).map(\.line)
        let rest = problems.count - shown.count
        return rest > 0 ? shown + ["and \(rest) more"] : shown
    }
}
