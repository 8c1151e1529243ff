import LinuxCalls

/// Why a name has given no servers.
enum NameFailure: Error, Equatable, Sendable {
    /// There is no such name.
    case noName
    /// It has no records of that kind, or none that is a server.
    case noRecords
    /// No name server has answered usefully in time.
    case noAnswer
    /// The answer makes no sense, or the servers say so of the question.
    case badAnswer

    /// - Parameter code: `-errno` of `clinux_ask_name`.
    init(code: Int32) {
        self =
            switch code {
            case Errno.noEntry: .noName
            case Errno.noData: .noRecords
            case Errno.protocolError, Errno.messageSize: .badAnswer
            default: .noAnswer
            }
    }

    /// As it follows "cannot be looked up:".
    var words: String {
        switch self {
        case .noName: "there is no such name"
        case .noRecords: "it has no records of that kind"
        case .noAnswer: "no name server answers"
        case .badAnswer: "the answer makes no sense"
        }
    }
}
