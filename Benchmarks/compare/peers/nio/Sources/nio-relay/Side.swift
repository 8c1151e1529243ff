import NIOCore

/// One side of a pair: what is read here is written there. Both sides live on one event loop.
///
/// A side reads only while the other one takes what was read: reads are asked for one by one, and none is asked for while the
/// other side's buffer is above its high-water mark.
final class Side: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var other: Side?
    private var context: ChannelHandlerContext?
    private var isReadOwed = false
    private var hasSentFIN = false
    private var hasSeenFIN = false

    static func tie(_ one: Side, _ other: Side) {
        one.other = other
        other.other = one
    }

    /// The client's side becomes active after the upstream's, and after the two were tied: now bytes may flow.
    func channelActive(context: ChannelHandlerContext) {
        context.read()
        other?.context?.read()
        context.fireChannelActive()
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        other = nil
    }

    // MARK: Bytes

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { other?.take(unwrapInboundIn(data)) }

    func channelReadComplete(context: ChannelHandlerContext) {
        other?.flush()
        readMore()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { other?.resume() }
        context.fireChannelWritabilityChanged()
    }

    private func take(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(bytes), promise: nil) }

    private func flush() { context?.flush() }

    private func readMore() {
        guard let other, !hasSeenFIN else { return }
        if other.context?.channel.isWritable == true {
            context?.read()
        } else {
            isReadOwed = true
        }
    }

    private func resume() {
        guard isReadOwed else { return }
        isReadOwed = false
        context?.read()
    }

    // MARK: Ends

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            hasSeenFIN = true
            other?.finish()
            closeIfDone()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let other = other
        self.other = nil
        other?.abandon()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// FIN behind everything written so far. Where both ways are done, NIO makes a whole close of it, and drops what was not
    /// written yet: so that is waited for.
    private func finish() {
        guard !hasSentFIN else { return }
        hasSentFIN = true
        whenWritten { [self] in
            context?.close(mode: .output).assumeIsolated().whenComplete { [self] _ in closeIfDone() }
        }
    }

    private func closeIfDone() {
        if hasSentFIN && hasSeenFIN { whenWritten { [self] in context?.close(promise: nil) } }
    }

    /// The other side is gone altogether; what it sent before still goes out.
    private func abandon() {
        other = nil
        whenWritten { [self] in context?.close(promise: nil) }
    }

    private func whenWritten(_ then: @escaping () -> Void) {
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in then() }
    }
}
