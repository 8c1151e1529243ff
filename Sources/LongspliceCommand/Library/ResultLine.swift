import CLinux

/// What the commands of the library say when they are done.
enum ResultLine {
    /// `in 1.25 s, 860 MB/s`
    static func pace(_ bytes: UInt64, _ nanoseconds: Int64) -> String {
        let seconds = Double(max(1, nanoseconds)) / 1e9
        let time = seconds < 1 ? Figure.micros(UInt64(max(0, nanoseconds))) : Figure.seconds(seconds)
        return "in \(time), \(Figure.bytes(UInt64(Double(bytes) / seconds)))/s"
    }

    /// On standard output, unless that is one of the sockets whose bytes were moved, as it is under inetd: its peer is not to find
    /// anything behind its own.
    static func say(_ text: String, besides sockets: [Int64]) {
        let cookie = clinux_socket_cookie(1)
        if cookie < 0 || !sockets.contains(cookie) { print(text) }
    }
}
