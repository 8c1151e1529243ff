import Glibc
import Longsplice

// Host B of the experiment of 2005, between ttcp's transmitter on A and its receiver on C:
//
//     C$ nc -l 5001 > /dev/null    B$ forward 5001 C:5001    A$ nc B 5001 < file

/// What getaddrinfo(3) gives first for TCP; with no host, an address to listen on.
func address(_ host: String?, _ port: String) -> addrinfo {
    var wanted = addrinfo()
    wanted.ai_socktype = Int32(SOCK_STREAM.rawValue)
    wanted.ai_flags = host == nil ? AI_PASSIVE : 0
    var found: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, port, &wanted, &found)
    guard status == 0, let first = found?.pointee else {
        fail("\(host ?? ""):\(port): \(String(cString: gai_strerror(status)))")
    }
    return first
}

func checked(_ result: Int32, _ call: String) -> Int32 {
    guard result >= 0 else { fail("\(call): \(String(cString: strerror(errno)))") }
    return result
}

func fail(_ why: String) -> Never {
    print("forward:", why)
    exit(1)
}

let arguments = CommandLine.arguments
guard arguments.count == 3, let colon = arguments[2].lastIndex(of: ":") else { fail("usage: forward PORT HOST:PORT") }
let near = address(nil, arguments[1])
let far = address(String(arguments[2][..<colon]), String(arguments[2][colon...].dropFirst()))

let listener = checked(socket(near.ai_family, near.ai_socktype, 0), "socket")
var yes: Int32 = 1
_ = setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
_ = checked(bind(listener, near.ai_addr, near.ai_addrlen), "bind")
_ = checked(listen(listener, 1), "listen")
let client = checked(accept(listener, nil, nil), "accept")
let upstream = checked(socket(far.ai_family, far.ai_socktype, 0), "socket")
_ = checked(connect(upstream, far.ai_addr, far.ai_addrlen), "connect")

let outcome = try await Splicer().splice(Descriptor(client), Descriptor(upstream))
print("\(outcome.ending): \(outcome.bytesToSecond) bytes there, \(outcome.bytesToFirst) back, in \(outcome.duration)")
