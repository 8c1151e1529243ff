/// Which engine a worker runs on, with what that engine needs to be made.
package enum EngineChoice: Sendable {
    case uring(UringSettings)
    /// - Parameter descriptors: one more than the highest descriptor number (RLIMIT_NOFILE).
    case epoll(descriptors: Int, buffers: BufferSettings)

    package var name: String {
        switch self {
        case .uring: "uring"
        case .epoll: "epoll"
        }
    }
}
