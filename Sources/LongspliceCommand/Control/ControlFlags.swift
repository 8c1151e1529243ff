import ArgumentParser
import ControlPlane
import ControlSocket
import Glibc

/// Which process is asked or told, for all commands that do.
struct ControlFlags: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The socket that longsplice serve --control has made. (default: LONGSPLICE_CONTROL, or \(ControlSettings.standardPath))",
            valueName: "PATH"))
    var control: String?

    private static let variable = "LONGSPLICE_CONTROL"

    /// The body of a good answer. Throws what the process says, or why it says nothing, in a sentence.
    func call(_ method: String, _ target: String, body: [UInt8] = []) throws(Refusal) -> [UInt8] {
        let (origin, path) = place
        let answer: ControlClient.Answer
        do throws(ControlClient.Trouble) {
            answer = try ControlClient(path: path).request(method, target, body: body)
        } catch {
            throw Refusal(.failure, flag: origin, value: path, error.problem)
        }
        guard answer.status == 200 else {
            var lines = answer.error?.split(separator: "\n").map(String.init) ?? []
            let last = lines.popLast()
            for line in lines { StandardError.shared.write(Refusal(.failure, line).line) }
            throw Refusal(
                .failure, last ?? "longsplice serve answers \(answer.status); use the longsplice of its version")
        }
        return answer.body
    }

    /// The same, read.
    func call<V: Decodable>(_ method: String, _ target: String, body: [UInt8] = []) throws(Refusal) -> V {
        guard let value = ControlJSON.value(V.self, of: try call(method, target, body: body)) else {
            throw Refusal(.failure, "longsplice serve answers something else; use the longsplice of its version")
        }
        return value
    }

    private var place: (origin: String, path: String) {
        if let control { return ("--control", control) }
        if let path = getenv(Self.variable).flatMap({ String(validatingCString: $0) }), !path.isEmpty {
            return (Self.variable, path)
        }
        return ("--control", ControlSettings.standardPath)
    }
}

extension ControlClient.Trouble {
    fileprivate var problem: ValueProblem {
        let owner = "be root or the user that longsplice serve runs as"
        switch self {
        case .noAddress: return ValueProblem("is no path of a UNIX socket", cure: "name the socket of longsplice serve")
        case .silence(let seconds):
            return ValueProblem("has not answered for \(seconds) s", cure: "look at the log of longsplice serve")
        case .noHTTP: return ValueProblem("closes without an answer", cure: owner)
        case .failed(let error):
            switch error.name {
            case "ENOENT", "ECONNREFUSED":
                return ValueProblem(
                    "is where nobody listens (\(error.name))",
                    cure: "start longsplice serve with --control or control.socket, or name its socket")
            case "EACCES", "EPERM": return ValueProblem("may not be connected (\(error.name))", cure: owner)
            case "ECONNRESET", "EPIPE": return ValueProblem("closes without an answer (\(error.name))", cure: owner)
            default: return ValueProblem("cannot be asked: \(error)", cure: "name the socket of longsplice serve")
            }
        }
    }
}
