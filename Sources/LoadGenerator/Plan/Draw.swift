/// Numbers drawn from a seed: SplitMix64 (Steele, Lea, Flood 2014). The same on every machine.
package struct Draw: BitwiseCopyable, Sendable {
    private var state: UInt64

    package init(seed: UInt64, id: UInt64 = 0, purpose: UInt64 = 0) {
        state = Self.mixed(seed &+ Self.mixed(id &+ Self.mixed(purpose)))
    }

    package mutating func next() -> UInt64 {
        state = state &+ 0x9e37_79b9_7f4a_7c15
        return Self.mixed(state)
    }

    /// 0 to `bound` − 1; 0 for a bound of 0. The bias is below bound / 2⁶⁴.
    package mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }

    /// Both ends are possible.
    package mutating func within(_ range: ClosedRange<UInt64>) -> UInt64 {
        let width = (range.upperBound - range.lowerBound).addingReportingOverflow(1)
        return width.overflow ? next() : range.lowerBound + below(width.partialValue)
    }

    /// True once in `count` times.
    package mutating func oneIn(_ count: UInt64) -> Bool { below(count) == 0 }

    /// A well mixed word of another one, one to one.
    static func mixed(_ word: UInt64) -> UInt64 {
        var word = word
        word = (word ^ (word &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word &>> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word &>> 31)
    }
}
