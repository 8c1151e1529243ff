import ControlMessages
import Glibc
import LinuxCalls

/// A configuration file, read and checked.
package struct ConfigurationFile: Sendable {
    package let configuration: ServeConfiguration
    /// What is allowed, and seldom meant.
    package let warnings: [FileProblem]

    /// Reads YAML. Throws everything that is wrong with it, in the order of the places.
    /// - Parameters:
    ///   - file: what the file is called in problems.
    ///   - workersByDefault: the workers where the file does not say.
    ///   - pipeBytesMax: the largest pipe this process may ask for, in bytes.
    ///   - environment: a variable's value, nil where it is not set.
    package init(
        _ bytes: [UInt8], file: String, workersByDefault: Int, pipeBytesMax: Int,
        environment: @escaping (String) -> String?
    ) throws(FileProblems) {
        let tree = try YAMLTree(try FileText(bytes, file: file), file: file)
        var reading = FileReading(file: file, pipeBytesMax: pipeBytesMax, environment: environment)
        var draft = FileDraft()
        draft.configuration.workers = workersByDefault
        draft.configuration.source = ControlConfiguration(path: file, text: String(decoding: bytes, as: UTF8.self))
        if let root = tree.root, !root.isNothing {
            reading.mapping(root, "", ProcessKeys.all(pipeBytesMax: pipeBytesMax), into: &draft)
        } else {
            reading.note(
                FilePlace(file: file, line: 1, column: 1, key: ""), "is empty", cure: "see longsplice config --example")
        }
        configuration = draft.finished(&reading)
        warnings = draft.warnings(configuration)
        let problems = tree.problems + reading.problems
        guard problems.isEmpty else { throw FileProblems(problems: problems.inOrder) }
    }

    /// The bytes of a file, one more than it may have where it is too large. Throws where it cannot be read.
    package static func bytes(of path: String) throws(Refusal) -> [UInt8] {
        do throws(SystemError) {
            let file = OwnedDescriptor(try checked(openFile(path), "open"))
            var bytes = [UInt8](repeating: 0, count: FileText.bytesMax + 1)
            var count = 0
            while count < bytes.count {
                let got = bytes[count...].withUnsafeMutableBytes { read(file.number, $0.baseAddress, $0.count) }
                if got < 0 && errno == EINTR { continue }
                guard got >= 0 else { throw SystemError(-errno, in: "read") }
                guard got > 0 else { break }
                count += got
            }
            return Array(bytes.prefix(count))
        } catch {
            throw Refusal(
                .failure, flag: "--config", value: path,
                ValueProblem("cannot be read (\(error.name))", cure: "name a file that this user may read"))
        }
    }

    private static func openFile(_ path: String) -> Int32 {
        let number = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        return number >= 0 ? number : -errno
    }
}

extension WrittenNode {
    /// As the text of a file that holds `---` and comments only.
    fileprivate var isNothing: Bool {
        guard case .scalar(let text, let isPlain) = content else { return false }
        return text.isEmpty && isPlain
    }
}

extension [FileProblem] {
    /// By line and column; of the same place, as they were found.
    fileprivate var inOrder: [FileProblem] {
        enumerated().sorted {
            ($0.element.place.line, $0.element.place.column, $0.offset)
                < ($1.element.place.line, $1.element.place.column, $1.offset)
        }.map(\.element)
    }
}
