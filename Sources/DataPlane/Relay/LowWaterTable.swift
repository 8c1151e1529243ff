/// Spliced directions, how much each chain of theirs moves, and whether their sources wait for more before they announce it
/// (SO_RCVLOWAT, socket(7)). Pure arithmetic.
///
/// A chain costs the same however little it moves. So where a direction has long moved bytes one way only, fast, and in
/// small chains, the low-water mark of its source is raised. It is lowered as soon as the other direction speaks, or when
/// what is there has waited for `lowWaterPatienceMillis`, since nobody may have to wait for the end of a message; each time
/// that happens doubles what the direction has to move before its mark is raised again.
struct LowWaterTable: ~Copyable {
    struct Entry: BitwiseCopyable {
        let slot: UInt32
        let direction: Direction
        let source: Int32
        fileprivate(set) var isRaised = false
        /// How often what was there had to wait for more that did not come.
        fileprivate var doubt: UInt8 = 0
        /// Bytes since the other direction has last spoken, or the mark was last lowered.
        fileprivate var runBytes: UInt64 = 0
        fileprivate var windowStartMillis: Int64
        fileprivate var windowBytes: UInt64 = 0
        fileprivate var windowFills: UInt64 = 0
    }

    /// Which entry is a lane's: none.
    static let none = UInt8.max
    /// Whoever moves that fast shares a worker with few others.
    static let capacity = 32
    private static let doubtMax: UInt8 = 6

    private let entries: UnsafeMutablePointer<Entry>
    /// A bit for each entry that is a lane's.
    private var taken: UInt32 = 0
    private(set) var raised = 0

    init() { entries = .allocate(capacity: Self.capacity) }

    deinit { entries.deallocate() }

    subscript(index: UInt8) -> Entry? {
        guard index < Self.capacity, taken & 1 << UInt32(index) != 0 else { return nil }
        return entries[Int(index)]
    }

    /// - Returns: `none` where all entries are taken.
    mutating func add(_ slot: UInt32, _ direction: Direction, source: Int32, at now: Int64) -> UInt8 {
        guard taken != .max else { return Self.none }
        let index = (~taken).trailingZeroBitCount
        taken |= 1 << UInt32(index)
        (entries + index).initialize(
            to: Entry(slot: slot, direction: direction, source: source, windowStartMillis: now))
        return UInt8(index)
    }

    /// - Returns: true where the mark was raised and has to be lowered.
    mutating func remove(_ index: UInt8) -> Bool {
        let mustLower = lower(index)
        if index < Self.capacity { taken &= ~(1 << UInt32(index)) }
        return mustLower
    }

    /// A chain has moved so many bytes.
    /// - Returns: what the mark has to be raised to, 0 where it stays. It is as much as comes in two milliseconds.
    mutating func moved(_ bytes: Int32, _ index: UInt8, at now: Int64, _ rules: RelayRules) -> Int32 {
        guard self[index] != nil else { return 0 }
        let entry = entries + Int(index)
        let count = UInt64(UInt32(bitPattern: max(0, bytes)))
        entry.pointee.runBytes &+= count
        entry.pointee.windowBytes &+= count
        entry.pointee.windowFills &+= 1
        let millis = now &- entry.pointee.windowStartMillis
        guard millis >= rules.lowWaterWindowMillis else { return 0 }
        let comesInTwoMillis = 2 &* entry.pointee.windowBytes / UInt64(max(1, millis))
        let mark = min(comesInTwoMillis, UInt64(rules.lowWaterBytesMax))
        let isChopped = entry.pointee.windowBytes < entry.pointee.windowFills &* mark
        entry.pointee.windowStartMillis = now
        entry.pointee.windowBytes = 0
        entry.pointee.windowFills = 0
        guard mark >= UInt64(rules.lowWaterBytesMin), isChopped, !entry.pointee.isRaised,
            entry.pointee.runBytes >= rules.lowWaterRunBytes &<< UInt64(entry.pointee.doubt)
        else { return 0 }
        entry.pointee.isRaised = true
        raised += 1
        return Int32(clamping: mark)
    }

    /// The other direction has spoken: what comes now may be an answer.
    /// - Returns: true where the mark has to be lowered.
    mutating func turned(_ index: UInt8) -> Bool {
        guard self[index] != nil else { return false }
        entries[Int(index)].runBytes = 0
        return lower(index)
    }

    /// What is there has waited for long enough. The mark has to be lowered.
    mutating func waitedInVain(_ index: UInt8) {
        guard lower(index) else { return }
        entries[Int(index)].runBytes = 0
        entries[Int(index)].doubt = min(entries[Int(index)].doubt &+ 1, Self.doubtMax)
    }

    private mutating func lower(_ index: UInt8) -> Bool {
        guard let entry = self[index], entry.isRaised else { return false }
        entries[Int(index)].isRaised = false
        raised -= 1
        return true
    }
}
