import DataPlane

/// Counters and gauges of all workers together, at about one moment.
package struct Totals: Equatable, Sendable {
    private var counters: [UInt64]
    private var gauges: [UInt64]

    package init(_ boards: [CounterBoard]) {
        counters = Counter.allCases.map { counter in boards.reduce(0) { $0 &+ $1[counter] } }
        gauges = CounterBoard.Gauge.allCases.map { gauge in boards.reduce(0) { $0 &+ $1[gauge] } }
    }

    package subscript(counter: Counter) -> UInt64 {
        get { counters[counter.rawValue] }
        set { counters[counter.rawValue] = newValue }
    }

    package subscript(gauge: CounterBoard.Gauge) -> UInt64 {
        get { gauges[gauge.rawValue] }
        set { gauges[gauge.rawValue] = newValue }
    }

    /// Everything under its public name, in the order of the declarations.
    package var named: [(name: String, value: UInt64)] {
        let counted = Counter.allCases.map { (name: Self.snakeCase("\($0)"), value: self[$0]) }
        let measured: [CounterBoard.Gauge] = [.active, .pipesOpen, .pipesBorrowed, .waiting]
        return counted + measured.map { (name: Self.snakeCase("\($0)"), value: self[$0]) }
    }

    /// `bytesUp` as `bytes_up`.
    static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" }
    }
}
