import Glibc
import Longsplice

// A static file server over sendfile:
//
//     $ file-server 8080 /srv/files          $ curl http://localhost:8080/name
//
// GET of plain names over HTTP/1.1, with keep-alive; whatever else is asked is answered with 404 and FIN.

let headMax = 8192

func serve(_ socket: Int32, _ files: Files, _ splicer: Splicer, _ loop: EventLoop) async {
    var pending: [UInt8] = []
    while let head = await nextHead(socket, &pending, loop) {
        guard let target = target(of: head), let file = files[target] else {
            let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            _ = send(socket, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
            break
        }
        // A file that has shrunk leaves the client waiting for the rest, and a lost connection is lost: FIN in both cases.
        let sent = try? await splicer.sendfile(
            file.descriptor, to: Descriptor(socket), length: file.size, headers: [file.header])
        guard sent == UInt64(file.header.count) + file.size else { break }
    }
    close(socket)
}

/// A request up to its empty line, nil where the client has no other one. What comes behind it stays pending.
func nextHead(_ socket: Int32, _ pending: inout [UInt8], _ loop: EventLoop) async -> ArraySlice<UInt8>? {
    var bytes = [UInt8](repeating: 0, count: 2048)
    while true {
        if let end = endOfHead(pending) {
            defer { pending.removeFirst(end) }
            return pending[..<end]
        }
        let count = recv(socket, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        if count > 0 {
            pending += bytes[..<count]
        } else if count < 0 && (errno == EAGAIN || errno == EINTR) {
            await loop.readable(socket)
        } else {
            return nil
        }
        guard pending.count <= headMax else { return nil }
    }
}

func endOfHead(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    return (4...bytes.count).first { bytes[($0 - 4)..<$0].elementsEqual([13, 10, 13, 10]) }
}

/// What is asked for, nil where this is no GET of HTTP/1.1, or one with a body, which would be taken for the next request.
func target(of head: ArraySlice<UInt8>) -> String? {
    let lines = head.split(separator: UInt8(ascii: "\n"))
    guard let words = lines.first?.split(separator: UInt8(ascii: " ")), words.count == 3,
        words[0].elementsEqual("GET".utf8), words[2].elementsEqual("HTTP/1.1\r".utf8),
        !lines.dropFirst().contains(where: tellsOfBody)
    else { return nil }
    return String(decoding: words[1], as: UTF8.self)
}

func tellsOfBody(_ line: ArraySlice<UInt8>) -> Bool {
    guard let first = line.first, "cCtT".utf8.contains(first) else { return false }
    let name = String(decoding: line.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self).lowercased()
    return name == "content-length" || name == "transfer-encoding"
}

func checked(_ result: Int32, _ call: String) -> Int32 {
    guard result >= 0 else { fail("\(call): \(String(cString: strerror(errno)))") }
    return result
}

func fail(_ why: String) -> Never {
    print("file-server:", why)
    exit(1)
}

func listening(on port: UInt16) -> Int32 {
    let listener = checked(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0), "socket")
    var yes: Int32 = 1
    _ = setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    // Clients inherit it, so that no call has to set it and put it back.
    _ = setsockopt(listener, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    var near = sockaddr_in()
    near.sin_family = sa_family_t(AF_INET)
    near.sin_port = port.bigEndian
    let bound = withUnsafePointer(to: near) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(listener, $0, socklen_t(MemoryLayout.size(ofValue: near)))
        }
    }
    _ = checked(bound, "bind")
    _ = checked(listen(listener, 1024), "listen")
    return listener
}

let usage = "usage: file-server PORT FILE_OR_DIRECTORY [auto|uring|epoll]"
let arguments = CommandLine.arguments
guard (3...4).contains(arguments.count), let port = UInt16(arguments[1]),
    let engine = Splicer.Engine(rawValue: arguments.count == 4 ? arguments[3] : "auto")
else { fail(usage) }
let files = Files(at: arguments[2])
guard !files.isEmpty else { fail("\(arguments[2]): there is no file to serve") }
let splicer = try Splicer(engine: engine)
let listener = listening(on: port)
let loop = EventLoop()
Task(executorPreference: loop) { [files, splicer, listener, loop] in
    while true {
        await loop.readable(listener)
        let client = accept(listener, nil, nil)
        // Without a descriptor to take it, a client waits in the queue until another one has gone.
        guard client >= 0 else {
            try? await Task.sleep(for: .milliseconds(10))
            continue
        }
        _ = fcntl(client, F_SETFL, O_NONBLOCK)
        Task(executorPreference: loop) { await serve(client, files, splicer, loop) }
    }
}
print("serving on port \(port) with \(splicer.engine)")
fflush(nil)
loop.run()
