import CLinux
import ControlPlane
import Glibc
import LinuxCalls

/// `longsplice serve` as a child process, by this very program. It ends with its owner, and with this process whatever ends it.
final class RelayChild {
    let engine: String
    let address: SocketAddress
    private let process: Int32
    private let errors: Int32

    private static let startSeconds = 5.0
    private static let stopSeconds = 3.0

    /// Throws a sentence on why it does not serve.
    init(engine: String, upstream: SocketAddress) throws(RelayTrouble) {
        self.engine = engine
        var reading: Int32 = -1
        var writing: Int32 = -1
        guard clinux_pipe(&reading, &writing) >= 0 else { throw RelayTrouble("no pipe is to be had") }
        let arguments = [
            "longsplice", "serve", "--engine", engine, "--listen", "127.0.0.1:0", "--upstream", "\(upstream)",
        ]
        process = Self.spawn(arguments, writing)
        errors = reading
        _ = clinux_close(writing)
        guard process > 0 else {
            _ = clinux_close(reading)
            throw RelayTrouble("it cannot be started: \(SystemError(process, in: "fork"))")
        }
        do throws(RelayTrouble) {
            address = try Self.awaitAddress(process, reading)
        } catch {
            Self.end(process)
            _ = clinux_close(reading)
            throw error
        }
    }

    deinit {
        Self.end(process)
        _ = clinux_close(errors)
    }

    /// User and system time of all its threads, the kernel's workers for its rings among them (proc(5), fields 14 and 15).
    var processorSeconds: Double {
        guard let text = TextFile.read("/proc/\(process)/stat"), let end = text.lastIndex(of: ")") else { return 0 }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
    }

    private static func spawn(_ arguments: [String], _ errors: Int32) -> Int32 {
        var texts = arguments.map { strdup($0) }
        defer { for text in texts { free(text) } }
        texts.append(nil)
        return clinux_spawn("/proc/self/exe", texts, errors)
    }

    /// Reads its log until it says where it listens.
    private static func awaitAddress(_ process: Int32, _ errors: Int32) throws(RelayTrouble) -> SocketAddress {
        let deadline = Clock.nowNanoseconds() + Int64(startSeconds * 1e9)
        var log: [UInt8] = []
        while Clock.nowNanoseconds() < deadline {
            let hasEnded = clinux_has_ended(process) != 0
            var chunk = [UInt8](repeating: 0, count: 4096)
            let count = read(errors, &chunk, chunk.count)
            if count > 0 { log += chunk[..<count] }
            let lines = String(decoding: log, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            for line in lines.dropLast() {
                if let found = address(in: line) { return found }
            }
            if hasEnded { throw RelayTrouble(lines.last { !$0.isEmpty }.map(String.init) ?? "it ended at once") }
            if count <= 0 { usleep(5_000) }
        }
        throw RelayTrouble("it does not say where it listens")
    }

    private static func address(in line: Substring) -> SocketAddress? {
        let words = line.split(separator: " ")
        guard let place = words.firstIndex(of: "listening"), words.count > place + 2, words[place + 1] == "on" else {
            return nil
        }
        let parts = words[place + 2].split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1]) else { return nil }
        return SocketAddress(numeric: String(parts[0]), port: port)
    }

    /// Asks, and insists after a while.
    private static func end(_ process: Int32) {
        for (signal, seconds) in [(SIGTERM, 0.5), (SIGTERM, stopSeconds), (SIGKILL, stopSeconds)] {
            _ = clinux_signal_process(process, signal)
            let deadline = Clock.nowNanoseconds() + Int64(seconds * 1e9)
            while Clock.nowNanoseconds() < deadline {
                // Ended now, or before (ECHILD).
                if clinux_has_ended(process) != 0 { return }
                usleep(2_000)
            }
        }
    }
}

/// Why a relay does not serve.
struct RelayTrouble: Error {
    let sentence: String

    init(_ sentence: String) { self.sentence = sentence }
}
