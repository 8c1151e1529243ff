import CLinux
import ControlPlane
import LinuxCalls
import Longsplice

/// Sends a part of a file and notices a receiver that takes nothing any more.
///
/// How far a call has come is told at its end alone. So the part is sent by one call after another, each of them cancelled when
/// its time is up, and the next one begins where it was.
struct WatchedSending {
    enum Ending: Equatable {
        case complete
        /// The receiver has taken nothing for as long as the patience lasts.
        case stalled
        case failed(SendfileError)
    }

    private let splicer: Splicer
    private let file: Descriptor
    private let socket: Descriptor
    /// Rings when a call has ended.
    private let bell: Int32

    /// - Parameters: both stay open until the process ends, and so does the bell.
    init(_ splicer: Splicer, _ file: Int32, to socket: Int32) throws(SystemError) {
        self.splicer = splicer
        self.file = Descriptor(file)
        self.socket = Descriptor(socket)
        bell = try checked(clinux_event(), "eventfd")
    }

    /// - Returns: bytes that the socket has taken, and how it ended.
    func send(_ count: UInt64, from offset: UInt64, _ patience: Patience) -> (sent: UInt64, Ending) {
        var patience = patience.renewed()
        var sent: UInt64 = 0
        var waiting = clinux_unsent_bytes(socket.number)
        while true {
            let (moved, error) = attempt(count - sent, from: offset + sent, patience.part)
            sent += moved
            guard let error else { return (sent, .complete) }
            guard error.reason == .cancelled else { return (sent, .failed(error)) }
            // A receiver that is slower than the socket's buffers are large is known by what it has acknowledged.
            let stillWaiting = clinux_unsent_bytes(socket.number)
            if moved > 0 || stillWaiting < waiting { patience = patience.renewed() }
            waiting = stillWaiting
            if patience.isOver { return (sent, .stalled) }
        }
    }

    /// One call, for so long at most.
    private func attempt(_ count: UInt64, from offset: UInt64, _ patience: Patience) -> (UInt64, SendfileError?) {
        let result = Locked<Result<UInt64, SendfileError>?>(nil)
        let call = Task.detached { [splicer, file, socket, bell] in
            do throws(SendfileError) {
                let sent = try await splicer.sendfile(file, to: socket, offset: offset, length: count)
                result.withLock { $0 = .success(sent) }
            } catch {
                result.withLock { $0 = .failure(error) }
            }
            _ = clinux_event_ring(bell)
        }
        while true {
            switch result.withLock({ $0 }) {
            case .success(let sent):
                _ = clinux_event_clear(bell)
                return (sent, nil)
            case .failure(let error):
                _ = clinux_event_clear(bell)
                return (error.bytesSent, error)
            case nil:
                if patience.isOver {
                    call.cancel()
                    patience.renewed().awaitReading(bell)
                } else {
                    patience.awaitReading(bell)
                }
            }
        }
    }
}
