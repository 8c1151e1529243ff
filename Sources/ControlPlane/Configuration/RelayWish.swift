/// What `--relay` asks for: how bytes move between two sockets.
package enum RelayWish: String, CaseIterable, Sendable {
    /// From socket to socket through a pipe, never through user space (splice(2)).
    case splice
}
