/// What stands at one place of a file: YAML's three kinds, without types, since every scalar is read by its text.
struct WrittenNode {
    enum Content {
        /// - isPlain: without quotes.
        case scalar(String, isPlain: Bool)
        case list([WrittenNode])
        case mapping([WrittenEntry])
    }

    let content: Content
    /// From 1, as `column`.
    let line: Int
    let column: Int

    /// For a sentence whose subject is a key.
    var kind: String {
        switch content {
        case .scalar(let text, let isPlain): text.isEmpty && isPlain ? "has no value" : "is a single value"
        case .list: "is a list"
        case .mapping: "is a mapping"
        }
    }
}

/// One key with its value.
struct WrittenEntry {
    let key: String
    let line: Int
    let column: Int
    let value: WrittenNode
}
