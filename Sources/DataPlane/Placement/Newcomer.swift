/// A client that was accepted and that no worker serves yet. Its connection is counted already.
struct Newcomer: BitwiseCopyable, Equatable {
    let socket: Int32
    /// The listener it came from, in the order in which every worker was given them.
    let listener: UInt16
    let isTCP: Bool
    let acceptedAtMillis: Int64
}
