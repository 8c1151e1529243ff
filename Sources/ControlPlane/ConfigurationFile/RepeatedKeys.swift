/// Lets the parser see a text with repeated keys, which it would refuse without saying where the second one is.
///
/// The first of two equal keys gets another first letter in the text, of the same length, and its own name back in the tree. So the reader
/// finds all repetitions with both of their places, and everything else that is wrong with the file too.
struct RepeatedKeys {
    private(set) var text: String
    private var names: [TextPlace: String] = [:]

    /// More repetitions in one file than this are not told each, and fewer of a large one, which is read again for each of them.
    private static let countMax = 64
    private static let bytesReadMax = 4 << 20
    /// Nobody writes these (U+E000…U+E03F, for private use).
    private static let firstStandIn: UInt32 = 0xE000

    init(_ text: String) { self.text = text }

    /// The key's name as it was written.
    func name(_ found: String, at place: TextPlace) -> String { names[place] ?? found }

    /// False where the key cannot be told from its surroundings.
    mutating func rename(_ name: String, at place: TextPlace) -> Bool {
        guard names.count < min(Self.countMax, Self.bytesReadMax / max(1, text.utf8.count)), names[place] == nil,
            var index = place.index(in: text),
            let standIn = Unicode.Scalar(Self.firstStandIn + UInt32(names.count))
        else { return false }
        let scalars = text.unicodeScalars
        if index < scalars.endIndex, scalars[index] == "\"" || scalars[index] == "'" {
            index = scalars.index(after: index)
        }
        guard index < scalars.endIndex, scalars[index] == name.unicodeScalars.first, scalars[index] != "\\" else {
            return false
        }
        text.unicodeScalars.replaceSubrange(index...index, with: CollectionOfOne(standIn))
        names[place] = name
        return true
    }
}
