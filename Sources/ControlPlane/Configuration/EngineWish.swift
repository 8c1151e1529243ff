/// What `--engine` asks for.
package enum EngineWish: String, CaseIterable, Sendable {
    /// io_uring where it works, epoll elsewhere.
    case auto
    /// io_uring, or no start.
    case uring
    case epoll
}
