import ControlPlane
import Glibc

/// A text into a file, or to standard output for `-`.
enum JSONFile {
    static func write(_ text: String, to path: String) throws(Refusal) {
        guard path != "-" else { return print(text) }
        guard let file = fopen(path, "w") else {
            let reason = String(cString: strerror(errno))
            throw Refusal(.failure, "--json \(path): cannot be written (\(reason)); choose another file")
        }
        let written = fputs(text + "\n", file)
        guard fclose(file) == 0, written >= 0 else {
            throw Refusal(.failure, "--json \(path): was not written completely; make room for it")
        }
    }
}
