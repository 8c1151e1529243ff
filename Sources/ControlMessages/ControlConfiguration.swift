/// What a server was told to do. Either a file, as it was when it was loaded, or flags.
package struct ControlConfiguration: Codable, Equatable, Sendable {
    package var path: String?
    package var text: String?
    package var flags: [String]?

    package init(path: String, text: String) {
        self.path = path
        self.text = text
    }

    package init(flags: [String]) { self.flags = flags }
}

/// What an order has changed, in sentences.
package struct ControlChanges: Codable, Equatable, Sendable {
    package var changes: [String]

    package init(_ changes: [String]) { self.changes = changes }
}
