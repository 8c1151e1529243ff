import Glibc

/// What this process has open and running at a moment.
struct Inventory {
    /// What is behind each descriptor, by its number.
    let descriptors: [Int32: String]
    /// Threads by their names. Those of the language's own pool come and go as they like, and are left out.
    let threads: [String: Int]

    static func taken() -> Inventory {
        var descriptors: [Int32: String] = [:]
        for name in entries(of: "/proc/self/fd") {
            // The one by which the directory is read is closed by now.
            if let number = Int32(name), let target = link("/proc/self/fd/\(name)") { descriptors[number] = target }
        }
        let own = text("/proc/self/comm")
        var threads: [String: Int] = [:]
        for name in entries(of: "/proc/self/task").map({ text("/proc/self/task/\($0)/comm") }) {
            // One that has ended in between has no name any more.
            if name != own && !name.isEmpty && !name.contains("qos") { threads[name, default: 0] += 1 }
        }
        return Inventory(descriptors: descriptors, threads: threads)
    }

    /// How many there are of any name.
    static var allThreads: Int { entries(of: "/proc/self/task").count }

    /// Without the kernel's helpers of a ring, which it makes when it needs them and which go with the ring.
    var ownThreads: [String: Int] { threads.filter { !$0.key.hasPrefix("iou-") } }

    /// What is here and was not there, as a sentence.
    func beyond(_ earlier: Inventory) -> String {
        let added = descriptors.filter { earlier.descriptors[$0.key] != $0.value }.map { "\($0.key) → \($0.value)" }
        return
            "\(descriptors.count) descriptors, were \(earlier.descriptors.count), new: \(added.sorted()); "
            + "threads \(threads), were \(earlier.threads)"
    }

    private static func entries(of path: String) -> [String] {
        guard let folder = opendir(path) else { fail("\(path) cannot be read") }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    private static func link(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = readlink(path, &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    private static func text(_ path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = read(file, &buffer, buffer.count)
        return count <= 0 ? "" : String(decoding: buffer[..<(count - 1)], as: UTF8.self)
    }
}

/// Ends the program, which has failed.
func fail(_ text: String, _ line: UInt = #line) -> Never {
    let sentence = "leaks: \(text) (line \(line), seed \(Leaks.seed))\n"
    _ = sentence.withCString { write(2, $0, strlen($0)) }
    exit(1)
}

func check(_ isSo: Bool, _ text: @autoclosure () -> String, _ line: UInt = #line) {
    if !isSo { fail(text(), line) }
}

/// Looks again for a while: a thread that was joined may still be seen for a moment, and pipes that nobody needs are closed little by
/// little.
func eventually(_ isSo: (Inventory) -> Bool, _ text: (Inventory) -> String, _ line: UInt = #line) {
    var inventory = Inventory.taken()
    for _ in 0..<400 where !isSo(inventory) {
        usleep(50_000)
        inventory = Inventory.taken()
    }
    check(isSo(inventory), text(inventory), line)
}
