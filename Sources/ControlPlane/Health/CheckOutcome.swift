import DataPlane
import LinuxCalls

/// What became of one check.
enum CheckOutcome: Equatable {
    case succeeded
    case failed(CheckFailure)
    /// This machine lacked something, so nothing is known of the server.
    case notMade
}

/// Why a check failed.
enum CheckFailure: Equatable, Sendable {
    case connect(CounterBoard.ConnectFailure)
    /// Nothing was said in time.
    case silent
    /// The server ended or reset the connection without a word.
    case ended
    /// Something else was said than was expected.
    case wrongAnswer

    /// Follows "its last check".
    var words: String {
        switch self {
        case .connect(.refused): "was refused"
        case .connect(.timedOut): "was not answered in time"
        case .connect(.unreachable): "found no route"
        case .connect(.noPort), .connect(.otherwise): "could not connect"
        case .silent: "got no answer in time"
        case .ended: "was ended by the server"
        case .wrongAnswer: "got another answer than expected"
        }
    }
}

extension CheckOutcome {
    /// A socket that could not be made, bound or connected.
    init(connect result: Int32) {
        switch result {
        case Errno.tooManyInProcess, Errno.tooManyInSystem, Errno.noMemory, Errno.noBuffers,
            Errno.addressNotAvailable:
            self = .notMade
        default: self = .failed(.connect(CounterBoard.ConnectFailure(result)))
        }
    }
}
