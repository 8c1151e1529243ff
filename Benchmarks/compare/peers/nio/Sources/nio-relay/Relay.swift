import NIOCore
import NIOPosix

/// A TCP relay on SwiftNIO: `nio-relay LISTEN-HOST:PORT UPSTREAM-HOST:PORT [EVENT-LOOPS]`.
@main
struct Relay {
    /// Large enough for bulk: an event loop moves this much of one pair before it looks at the next.
    private static let readBytesMax = 256 << 10
    private static let backlog: Int32 = 4096

    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard let listen = arguments.first.flatMap(place), let upstream = arguments.dropFirst().first.flatMap(place),
            let loops = arguments.dropFirst(2).first.map(Int.init) ?? 1, loops > 0
        else {
            throw Usage()
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let address = try SocketAddress.makeAddressResolvingHost(upstream.host, port: upstream.port)
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: reads)
            .childChannelOption(.writeBufferWaterMark, value: marks)
            .childChannelInitializer { client in connect(client, address) }
            .bind(host: listen.host, port: listen.port).get()
        print("listening on \(channel.localAddress.map { "\($0)" } ?? "?")")
        try await channel.closeFuture.get()
    }

    private static let reads = AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: readBytesMax)
    private static let marks = ChannelOptions.Types.WriteBufferWaterMark(low: readBytesMax, high: 4 * readBytesMax)

    /// Connects the upstream on the client's own event loop, and lets bytes flow once both stand.
    private static func connect(_ client: any Channel, _ address: SocketAddress) -> EventLoopFuture<Void> {
        ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: reads)
            .channelOption(.writeBufferWaterMark, value: marks)
            .connect(to: address)
            .flatMapThrowing { upstream in
                let (near, far) = (Side(), Side())
                Side.tie(near, far)
                try client.pipeline.syncOperations.addHandler(near)
                try upstream.pipeline.syncOperations.addHandler(far)
            }
    }

    private static func place(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]) else { return nil }
        return (String(text[..<colon]), port)
    }

    private struct Usage: Error, CustomStringConvertible {
        var description: String { "usage: nio-relay LISTEN-HOST:PORT UPSTREAM-HOST:PORT [EVENT-LOOPS]" }
    }
}
