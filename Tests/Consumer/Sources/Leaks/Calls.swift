import Glibc
import Longsplice

/// Every way in which a call can go.
enum Call: CaseIterable {
    case whole, wholeUnix, limited, limitedBothWays, oneWay, loopback, withheld
    case cancelled, cancelledWithFullSink, peerReset, receiverGone
    case packets, datagrams
    case sent, sentInParts, sentCold, sentCancelled, sentToNobody, sentShrinking
    case refused, busy, beyondCapacity

    func run(_ splicer: Splicer, _ dice: inout Dice) async {
        let bytes = dice.roll(1...100_000)
        let moment = UInt32(dice.roll(0...2_000))
        do {
            switch self {
            case .whole: try await Self.wholes(splicer, .tcp, bytes)
            case .wholeUnix: try await Self.wholes(splicer, .unix, bytes)
            case .limited: try await Self.limited(splicer, .oneWay, bytes)
            case .limitedBothWays: try await Self.limited(splicer, [], bytes)
            case .oneWay: try await Self.ending(splicer, .oneWay, bytes)
            case .withheld: try await Self.ending(splicer, [.oneWay, .withholdFin], bytes)
            case .loopback: try await Self.echo(splicer, bytes)
            case .cancelled: try await Self.cancelled(splicer, .tcp, bytes, at: moment)
            case .cancelledWithFullSink: try await Self.cancelled(splicer, .unix, 1 << 20, at: moment)
            case .peerReset: try await Self.reset(splicer, bytes, first: true)
            case .receiverGone: try await Self.reset(splicer, bytes, first: false)
            case .packets: try await Self.records(splicer, .packets)
            case .datagrams: try await Self.records(splicer, .datagrams)
            case .sent: try await Self.sent(splicer, Files.hole(bytes), bytes, frame: [])
            case .sentInParts: try await Self.sent(splicer, Files.hole(bytes), bytes, frame: [1, 2, 3])
            case .sentCold: try await Self.sent(splicer, Files.cold(bytes), bytes, frame: [])
            case .sentCancelled: try await Self.sentInVain(splicer, .cancelled, at: moment)
            case .sentToNobody: try await Self.sentInVain(splicer, .connectionLost, at: moment)
            case .sentShrinking: try await Self.sentInVain(splicer, .fileShrank, at: moment)
            case .refused: try await Self.refused(splicer)
            case .busy: try await Self.busy(splicer)
            case .beyondCapacity: try await Self.beyondCapacity(splicer.engine)
            }
        } catch {
            fail("\(self) has failed: \(error)")
        }
    }

    private static func wholes(_ splicer: Splicer, _ family: Scene.Family, _ bytes: Int) async throws {
        let scene = Scene(family)
        defer { scene.keep() }
        let (up, down) = (scene.near.tell(bytes), scene.far.tell(100))
        scene.near.finish()
        scene.far.finish()
        let outcome = try await splicer.splice(scene.first.lent, scene.second.lent)
        check(outcome.ending == .finished && outcome.bytesToSecond == up, "\(outcome)")
        let (far, near) = (await scene.far.hear(), await scene.near.hear())
        check(far == up && near == down, "\(far) of \(up) bytes, and \(near) of \(down)")
    }

    private static func limited(_ splicer: Splicer, _ options: SplicingOptions, _ bytes: Int) async throws {
        let scene = Scene(.tcp)
        defer { scene.keep() }
        let told = scene.near.tell(bytes)
        if options.isEmpty { scene.far.finish() }
        let length = UInt64(told + 1) / 2
        let outcome = try await splicer.splice(
            scene.first.lent, to: scene.second.lent, length: length, options: options)
        check(outcome.ending == .lengthReached && outcome.bytesToSecond == length, "\(outcome)")
        let left = await scene.first.hear(told - Int(length))
        check(left == told - Int(length), "\(left) bytes are left of \(told)")
    }

    private static func ending(_ splicer: Splicer, _ options: SplicingOptions, _ bytes: Int) async throws {
        let scene = Scene(.tcp)
        defer { scene.keep() }
        let told = scene.near.tell(bytes)
        scene.near.finish()
        let outcome = try await splicer.splice(scene.first.lent, scene.second.lent, options: options)
        check(outcome.ending == .finished && outcome.bytesToSecond == told, "\(outcome)")
        // Where FIN was withheld there is something to be said behind it.
        let more = options.contains(.withholdFin) ? scene.second.tell(3) : 0
        check(await scene.far.hear(told + more) == told + more, "too little has arrived")
    }

    private static func echo(_ splicer: Splicer, _ bytes: Int) async throws {
        let (near, far) = Scene.pair(.tcp)
        defer { withExtendedLifetime((near, far)) {} }
        let told = near.tell(bytes)
        near.finish()
        let outcome = try await splicer.splice(far.lent, far.lent, options: .loopback)
        check(outcome.ending == .finished && outcome.bytesToSecond == told, "\(outcome)")
        check(await near.hear() == told, "an echo is shorter than its call")
    }

    /// Taken back at any moment, also with bytes in a pipe and before it has begun.
    private static func cancelled(
        _ splicer: Splicer, _ family: Scene.Family, _ bytes: Int, at micros: UInt32
    ) async throws {
        let scene = Scene(family)
        defer { scene.keep() }
        let call = Task { try await splicer.splice(scene.first.lent, scene.second.lent) }
        for _ in 0..<3 {
            _ = scene.near.tell(bytes)
            _ = scene.far.tell(bytes)
            await pause(micros: micros / 3)
        }
        call.cancel()
        let outcome = try await call.value
        check(outcome.ending == .cancelled, "\(outcome)")
    }

    private static func reset(_ splicer: Splicer, _ bytes: Int, first: Bool) async throws {
        let scene = Scene(.tcp)
        defer { scene.keep() }
        let call = Task { try await splicer.splice(scene.first.lent, scene.second.lent) }
        let told = scene.near.tell(bytes)
        _ = await scene.far.hear(min(told, 10))
        (first ? scene.near : scene.far).reset()
        let outcome = try await call.value
        check(outcome.ending == .reset && outcome.endedBy == (first ? .first : .second), "\(outcome)")
    }

    private static func records(_ splicer: Splicer, _ family: Scene.Family) async throws {
        let scene = Scene(family)
        defer { scene.keep() }
        for count in [1, 1_000, 70_000] { check(scene.near.tell(count) == count, "a record") }
        let outcome = try await splicer.splice(
            scene.first.lent, to: scene.second.lent, length: 1_001, options: .oneWay)
        check(outcome.ending == .lengthReached && outcome.bytesToSecond == 1_001, "\(outcome)")
    }

    private static func sent(_ splicer: Splicer, _ file: End, _ bytes: Int, frame: [UInt8]) async throws {
        let (near, far) = Scene.pair(.tcp)
        defer { withExtendedLifetime((near, far, file)) {} }
        let parts = frame.isEmpty ? [] : [frame, frame]
        let expected = bytes + 4 * frame.count
        let hearing = Task { await near.hear(expected) }
        let count =
            parts.isEmpty
            ? try await splicer.sendfile(file.lent, to: far.lent)
            : try await SendfileSocket(far.lent, on: splicer).sendfile(file.lent, headers: parts, trailers: parts)
        check(Int(count) == expected, "\(count) of \(expected) bytes sent")
        check(await hearing.value == expected, "too little has arrived")
    }

    private static func sentInVain(_ splicer: Splicer, _ reason: SendfileError.Reason, at micros: UInt32) async throws {
        let file = Files.hole(32 << 20)
        let (near, far) = Scene.pair(reason == .fileShrank ? .unix : .tcp)
        defer { withExtendedLifetime((near, far, file)) {} }
        let call = Task { try await splicer.sendfile(file.lent, to: far.lent, headers: [[1]], trailers: [[2]]) }
        _ = await near.hear(1)
        await pause(micros: micros)
        switch reason {
        case .cancelled: call.cancel()
        case .connectionLost: near.reset()
        default:
            check(ftruncate(file.number, 16 << 20) == 0, "ftruncate")
            _ = await near.hear(16 << 20)
        }
        do {
            let count = try await call.value
            fail("\(count) bytes were sent, which cannot be")
        } catch let error as SendfileError {
            check(error.reason == reason, "\(error), expected \(reason)")
        }
    }

    // MARK: Refusals

    private static func refused(_ splicer: Splicer) async throws {
        let (scene, packets, file) = (Scene(.tcp), Scene(.packets), Files.hole(1))
        let alone = End(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        defer { withExtendedLifetime((scene, packets, file, alone)) {} }
        let (a, b, nowhere) = (scene.first.lent, scene.second.lent, Descriptor(-1))
        for (first, second, options, reason) in [
            (nowhere, b, [], .notADescriptor), (a, nowhere, [], .notADescriptor), (file.lent, b, [], .notASocket),
            (a, file.lent, [], .notASocket), (a, packets.first.lent, [], .unsupportedType),
            (a, alone.lent, [], .notConnected), (a, a, [], .sameSocket), (a, b, .loopback, .sameSocket),
        ] as [(Descriptor, Descriptor, SplicingOptions, SpliceError.Reason)] {
            await refuses(reason) { try await splicer.splice(first, second, options: options) }
        }
        for (source, sink, reason) in [
            (nowhere, a, .notADescriptor), (file.lent, nowhere, .notADescriptor), (a, b, .invalidArgument),
            (file.lent, file.lent, .notASocket), (file.lent, packets.first.lent, .unsupportedType),
        ] as [(Descriptor, Descriptor, SpliceError.Reason)] {
            await refuses(reason) { try await splicer.sendfile(source, to: sink) }
        }
        await refuses(.invalidArgument) { try Splicer(ringDepth: 1) }
    }

    private static func busy(_ splicer: Splicer) async throws {
        let (scene, file) = (Scene(.unix), Files.hole(1))
        defer { withExtendedLifetime((scene, file)) {} }
        let call = Task { try await splicer.splice(scene.first.lent, scene.second.lent) }
        _ = scene.near.tell(1)
        _ = await scene.far.hear(1)
        await refuses(.busy) { try await splicer.splice(scene.second.lent, scene.first.lent) }
        await refuses(.busy) { try await splicer.sendfile(file.lent, to: scene.first.lent) }
        scene.near.finish()
        scene.far.finish()
        check(try await call.value.ending == .finished, "a splice has not ended")
    }

    private static func beyondCapacity(_ engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine, capacity: 1)
        let (scene, other, file) = (Scene(.unix), Scene(.unix), Files.hole(1))
        defer { withExtendedLifetime((scene, other, file)) {} }
        let call = Task { try await splicer.splice(scene.first.lent, scene.second.lent) }
        _ = scene.near.tell(1)
        _ = await scene.far.hear(1)
        await refuses(.atCapacity) { try await splicer.splice(other.first.lent, other.second.lent) }
        await refuses(.atCapacity) { try await splicer.sendfile(file.lent, to: other.first.lent) }
        call.cancel()
        check(try await call.value.ending == .cancelled, "a splice was not cancelled")
    }

    static func refuses<T>(
        _ reason: SpliceError.Reason, _ line: UInt = #line, _ call: () async throws -> T
    ) async {
        do {
            _ = try await call()
            fail("not refused, expected \(reason)", line)
        } catch let error as SpliceError {
            check(error.reason == reason, "\(error), expected \(reason)", line)
        } catch let error as SendfileError {
            guard case .refused(let refusal) = error.reason else { fail("\(error)", line) }
            check(refusal.reason == reason, "\(refusal), expected \(reason)", line)
        } catch {
            fail("\(error)", line)
        }
    }
}

/// Numbers by chance, the same for the same seed.
struct Dice {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func roll(_ range: ClosedRange<Int>) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return range.lowerBound + Int(state >> 33) % range.count
    }
}
