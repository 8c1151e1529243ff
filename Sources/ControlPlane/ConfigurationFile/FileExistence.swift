import Glibc
import LinuxCalls

extension ConfigurationFile {
    /// What the file names and is not there: all that can be told of this machine without opening a port or asking a resolver.
    package var missingFiles: [FileProblem] {
        var problems: [FileProblem] = []
        for case let fallback? in configuration.pools.map(\.fallback) {
            do throws(ValueProblem) {
                _ = try FallbackFile(fallback.value)
            } catch {
                problems += Self.problem(fallback.origin, fallback.value, error)
            }
        }
        if let place = configuration.accessLog, let path = place.path, !Self.isFolder(Self.folder(of: path)) {
            problems += Self.problem(
                configuration.accessLogOrigin, place.text,
                ValueProblem("is in a directory that does not exist", cure: "make the directory or choose another path")
            )
        }
        if let socket = configuration.control?.socket, !Self.isFolder(Self.folder(of: socket.value)) {
            problems += Self.problem(
                socket.origin, socket.value,
                ValueProblem("is in a directory that does not exist", cure: "make the directory or choose another path")
            )
        }
        for bind in configuration.listeners.flatMap(\.bind) {
            guard case .address(let address) = bind.value.place, let path = address.unixPath,
                !Self.isFolder(Self.folder(of: path))
            else { continue }
            problems += Self.problem(
                bind.origin, bind.value.text,
                ValueProblem("is in a directory that does not exist", cure: "make the directory or choose another path")
            )
        }
        return problems
    }

    private static func problem(_ origin: Origin, _ value: String, _ problem: ValueProblem) -> [FileProblem] {
        guard case .file(let place) = origin else { return [] }
        return [FileProblem(place, problem, value: value)]
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

extension AccessLogPlace {
    fileprivate var path: String? {
        switch self {
        case .standardOutput: nil
        case .file(let path): path
        case .socket(let path): path.hasPrefix("@") ? nil : path
        }
    }
}
