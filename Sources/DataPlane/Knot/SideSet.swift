/// None, one or both sides of a knot.
package struct SideSet: OptionSet, BitwiseCopyable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let client = SideSet(rawValue: 1)
    package static let upstream = SideSet(rawValue: 2)
    package static let both: SideSet = [.client, .upstream]

    package static func only(_ side: Side) -> SideSet { side == .client ? .client : .upstream }

    package func has(_ side: Side) -> Bool { contains(.only(side)) }
}
