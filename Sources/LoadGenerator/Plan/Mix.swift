/// How often each ending is drawn: weights, of which at least one is not zero.
package struct Mix: BitwiseCopyable, Equatable, Sendable {
    /// In the order of `Ending`.
    private var weights: InlineArray<7, UInt16>

    package init() { weights = InlineArray(repeating: 0) }

    package init(_ parts: [Ending: UInt16]) {
        self.init()
        for (ending, weight) in parts { self[ending] = weight }
    }

    package subscript(ending: Ending) -> UInt16 {
        get { weights[Int(ending.rawValue)] }
        set { weights[Int(ending.rawValue)] = newValue }
    }

    package var total: UInt64 { Ending.allCases.reduce(0) { $0 + UInt64(self[$1]) } }

    package func drawn(_ draw: inout Draw) -> Ending {
        var left = draw.below(total)
        for ending in Ending.allCases {
            if left < UInt64(self[ending]) { return ending }
            left -= UInt64(self[ending])
        }
        return .both
    }

    package static func == (a: Mix, b: Mix) -> Bool { Ending.allCases.allSatisfy { a[$0] == b[$0] } }

    /// All but silence, equally often.
    package static let ledger = Mix([.finEarly: 1, .finLate: 1, .both: 1, .resetIdle: 1, .resetMid: 1, .closeMid: 1])
    /// A fifth is reset, a tenth is closed in mid-operation.
    package static let churn = Mix([
        .finEarly: 20, .finLate: 30, .both: 20, .resetIdle: 10, .resetMid: 10, .closeMid: 10,
    ])
    package static let orderly = Mix([.finLate: 1])
}
