/// What a name has given, and for how long that may be kept.
struct NameAnswer: Equatable, Sendable {
    var servers: [ResolvedServer]
    var secondsToLive: UInt32
}
