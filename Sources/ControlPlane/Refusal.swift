/// Why the program does not start: one line for whoever started it, and the exit status.
package struct Refusal: Error, Equatable {
    package enum Kind: Equatable, Sendable {
        /// The command line is wrong by itself: unknown, does not parse, outside its range, contradicting.
        case usage
        /// The command line is right, but this machine cannot do it now.
        case failure

        /// EX_USAGE of sysexits.h for the first, 1 for the second.
        package var exitStatus: Int32 {
            switch self {
            case .usage: 64
            case .failure: 1
            }
        }
    }

    package let kind: Kind
    /// Without the program's name, escaped: it has no line break.
    package let sentence: String

    /// A sentence of its own, in the form `WHAT; CURE`.
    package init(_ kind: Kind, _ sentence: String) {
        self.kind = kind
        self.sentence = Escape.controls(in: sentence)
    }

    /// `--FLAG VALUE: REASON; CURE`. A value longer than 100 characters is cut short.
    package init(_ kind: Kind, flag: String, value: String, _ problem: ValueProblem) {
        let shown = value.count > 100 ? value.prefix(100) + "…" : value[...]
        self.init(kind, "\(flag) \(shown): \(problem.reason); \(problem.cure)")
    }

    /// What goes to stderr, without the line's end.
    package var line: String { "longsplice: \(sentence)" }
}
