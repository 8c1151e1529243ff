import Glibc
import Longsplice

// A static file server over sendfile:
//
//     $ file-server 8080 /srv/files          $ curl http://localhost:8080/name
//
// GET of plain names over HTTP/1.1, with keep-alive; whatever else is asked is answered with 404 and FIN.

func serve(_ client: Int32, _ files: Files, _ splicer: Splicer, _ loop: EventLoop) async {
    // Lent no longer than it is open.
    await answer(client, files, splicer, loop)
    close(client)
}

func answer(_ client: Int32, _ files: Files, _ splicer: Splicer, _ loop: EventLoop) async {
    guard let socket = try? SendfileSocket(Descriptor(client), on: splicer) else { return }
    var requests = Requests()
    while let target = await requests.next(from: client, loop) {
        guard let file = files[target] else {
            let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            _ = send(client, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
            return
        }
        // A file that has shrunk leaves the client waiting for the rest, and a lost connection is lost: FIN in both cases.
        let sent = try? await socket.sendfile(file.descriptor, length: file.size, headers: [file.header])
        guard sent == UInt64(file.header.count) + file.size else { return }
    }
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
