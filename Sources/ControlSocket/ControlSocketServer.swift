import ControlMessages
import Glibc
import HTTPTypes
import HummingbirdCore
import LinuxCalls
import Logging
import NIOCore
import NIOPosix

/// HTTP/1.1 over a UNIX socket, on an event loop of its own. It is started by being made, and knows nothing of who serves.
package final class ControlSocketServer: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let listener: any Channel
    private let clients: ControlClients

    /// Takes over a socket that listens and does not block, and closes it.
    ///
    /// Throws what stands in the way, as NIO says it; the socket is closed then too.
    package init(
        listeningOn socket: Int32, host: any ControlHost, limits: ControlLimits = ControlLimits()
    ) throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let channel = Self.channel(ControlRouting(host), limits)
        let clients = ControlClients(on: group.next())
        let users: Set<uid_t> = [0, geteuid()]
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .serverChannelInitializer { listener in
                listener.eventLoop.makeCompletedFuture {
                    try listener.pipeline.syncOperations.addHandler(
                        AvailableConnectionsChannelHandler(maxConnections: limits.connections))
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { client in
                Self.user(of: client).flatMap { user in
                    guard users.contains(user) else { return client.eventLoop.makeFailedFuture(Stranger()) }
                    return Self.begin(client, channel, limits, clients)
                }
            }
        do {
            listener = try bootstrap.withBoundSocket(socket).wait()
        } catch {
            try? group.syncShutdownGracefully()
            throw error
        }
        self.group = group
        self.clients = clients
    }

    /// Returns when the socket and all connections are closed and the thread has ended. To be called once, when the host answers at once
    /// what is still asked.
    package func stop() {
        try? listener.close().wait()
        clients.close()
        try? group.syncShutdownGracefully()
    }

    /// A peer that is neither root nor this process's own user; it is closed without a word.
    private struct Stranger: Error {}

    private static func user(of client: any Channel) -> EventLoopFuture<uid_t> {
        guard let options = client as? any SocketOptionProvider else {
            return client.eventLoop.makeFailedFuture(Stranger())
        }
        let peer: EventLoopFuture<Credentials> = options.unsafeGetSocketOption(
            level: .socket, name: .init(rawValue: SO_PEERCRED))
        return peer.map(\.user)
    }

    /// `struct ucred` (unix(7)).
    private struct Credentials: BitwiseCopyable {
        var process: pid_t = 0
        var user: uid_t = 0
        var group: gid_t = 0
    }

    private static func begin(
        _ client: any Channel, _ http: HTTP1Channel, _ limits: ControlLimits, _ clients: ControlClients
    ) -> EventLoopFuture<Void> {
        let end = client.eventLoop.scheduleTask(in: .milliseconds(limits.lifetimeMillis)) { client.close(promise: nil) }
        client.closeFuture.whenComplete { _ in end.cancel() }
        return http.setup(channel: client, logger: silence).map { value in
            clients.serve(client) { await http.handle(value: value, logger: silence) }
        }
    }

    private static func channel(_ routing: ControlRouting, _ limits: ControlLimits) -> HTTP1Channel {
        HTTP1Channel(
            responder: { request, writer, _ in
                let body: [UInt8]
                do {
                    body = Array(buffer: try await request.body.collect(upTo: limits.bodyBytes))
                } catch is NIOTooManyBytesError {
                    let problem = ControlReply.Problem(
                        413, "the body has more than \(limits.bodyBytes) bytes; no order needs so many")
                    try await send(ControlReply(problem), closing: true, by: writer)
                    // What is left of the body is not waited for.
                    throw CancellationError()
                }
                let reply = await routing.reply(
                    method: request.method.rawValue, path: request.head.path ?? "", body: body)
                try await send(reply, closing: false, by: writer)
            },
            configuration: HTTP1Channel.Configuration(
                idleTimeout: .milliseconds(limits.idleMillis),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes,
                    maxHeaderFieldCount: limits.headerFields)))
    }

    private static func send(
        _ reply: ControlReply, closing: Bool, by writer: consuming ResponseWriter
    ) async throws {
        var headers = HTTPFields()
        headers[.contentType] = reply.contentType
        headers[.contentLength] = "\(reply.body.count)"
        headers[.cacheControl] = "no-store"
        if let allow = reply.allow { headers[.allow] = allow }
        if closing { headers[.connection] = "close" }
        let response = HTTPResponse(status: .init(code: reply.status), headerFields: headers)
        try await writer.write(response: response, body: ResponseBody(byteBuffer: ByteBuffer(bytes: reply.body)))
    }

    /// Clients' mistakes are told to the clients.
    private static let silence = Logger(label: "control") { _ in SwiftLogNoOpLogHandler() }
}
