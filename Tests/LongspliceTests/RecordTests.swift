import CLinux
import LinuxCalls
import Longsplice
import TestSupport
import Testing

extension TestSocket {
    /// Sends one record, waiting for room.
    func sendRecord(_ bytes: ArraySlice<UInt8>) throws {
        var result: Int64 = 0
        let isSent = eventually {
            result = bytes.withUnsafeBytes { clinux_send(number, $0.baseAddress, $0.count) }
            return result != Int64(Errno.again)
        }
        guard isSent, result == bytes.count else { throw SystemError(Int32(result), in: "send") }
    }

    /// The next record.
    func receiveRecord() throws -> [UInt8] {
        var result: Int64 = 0
        var buffer = [UInt8](repeating: 0, count: 200_000)
        let isThere = eventually {
            result = clinux_receive(number, &buffer, buffer.count)
            return result != Int64(Errno.again)
        }
        guard isThere, result >= 0 else { throw SystemError(Int32(result), in: "recv") }
        return Array(buffer[..<Int(result)])
    }

    var hasNothing: Bool {
        var byte: UInt8 = 0
        return clinux_peek(number, &byte, 1) == Int64(Errno.again)
    }
}

@Suite("splice of records", .serialized)
struct RecordTests {
    enum Kind: CaseIterable {
        case datagram
        case sequencedPacket
        case udp

        func pair() throws -> (near: TestSocket, far: TestSocket) {
            switch self {
            case .datagram: try TestPair.records(.datagram)
            case .sequencedPacket: try TestPair.records(.sequencedPacket)
            case .udp: try TestPair.udp()
            }
        }
    }

    @Test("keeps each record whole and in order, both ways, empty ones too", arguments: engines, Kind.allCases)
    func whole(engine: Splicer.Engine, kind: Kind) async throws {
        let splicer = try Splicer(engine: engine)
        let (near, first) = try kind.pair()
        let (far, second) = try kind.pair()
        let task = aside { try await splicer.splice(Descriptor(first.number), Descriptor(second.number)) }
        let lengths = [1, 0, 7, 1_400, 0, 0, 40_000, 3] + (kind == .udp ? [65_507] : [150_000, 65_537])
        for length in lengths {
            let there = pattern(length, seed: UInt64(length))
            try near.sendRecord(there[...])
            #expect(try far.receiveRecord() == there)
            try far.sendRecord(there[...])
            #expect(try near.receiveRecord() == there)
        }
        task.cancel()
        let told = try await task.value
        #expect(told.ending == .cancelled && told.bytesToSecond == UInt64(lengths.reduce(0, +)))
        #expect(told.bytesToFirst == told.bytesToSecond)
    }

    @Test("tells an empty record from the end", arguments: engines)
    func emptyBeforeEnd(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let (near, first) = try TestPair.records(.sequencedPacket)
        let (far, second) = try TestPair.records(.sequencedPacket)
        // Everything is there, and the end behind it, before anybody looks.
        for record in [[1], [], [2, 2], [], []] as [[UInt8]] { try near.sendRecord(record[...]) }
        near.sendFin()
        far.sendFin()
        let told = try await splicer.splice(Descriptor(first.number), Descriptor(second.number))
        #expect(told.ending == .finished && told.bytesToSecond == 3)
        for record in [[1], [], [2, 2], [], []] as [[UInt8]] {
            #expect(!far.hasNothing && clinux_has_empty_record(far.number) == 1)
            #expect(try far.receiveRecord() == record)
        }
        #expect(clinux_has_empty_record(far.number) == 0)
    }

    @Test("a length counts bytes and cuts no record", arguments: engines, Kind.allCases)
    func length(engine: Splicer.Engine, kind: Kind) async throws {
        let splicer = try Splicer(engine: engine)
        let (near, first) = try kind.pair()
        let (far, second) = try kind.pair()
        for length in [60, 40, 50] { try near.sendRecord(pattern(length)[...]) }
        let told = try await splicer.splice(
            Descriptor(first.number), to: Descriptor(second.number), length: 120, options: .oneWay)
        #expect(told.ending == .lengthReached && told.bytesToSecond == 100)
        #expect(try far.receiveRecord() == pattern(60))
        #expect(try far.receiveRecord() == pattern(40))
        #expect(far.hasNothing)
        #expect(try first.receiveRecord() == pattern(50))
    }

    @Test("ends with an error, and keeps the record, where the sink cannot take it", arguments: engines)
    func tooLong(engine: Splicer.Engine) async throws {
        let splicer = try Splicer(engine: engine)
        let (near, first) = try TestPair.records(.datagram)
        let (far, second) = try TestPair.udp()
        try near.sendRecord(pattern(70_000)[...])
        let told = try await splicer.splice(Descriptor(first.number), to: Descriptor(second.number), options: .oneWay)
        #expect(told.ending == .failed && told.bytesToSecond == 0)
        #expect(try first.receiveRecord() == pattern(70_000))
        _ = far
    }

    #if TORTURE
        private static let many = 1_000_000
    #else
        private static let many = 100_000
    #endif

    @Test("many records of random size, none lost, cut, joined or out of order", arguments: engines)
    func manyRecords(engine: Splicer.Engine) async throws {
        let count = Self.many
        let splicer = try Splicer(engine: engine)
        let (near, first) = try TestPair.records(.sequencedPacket)
        let (far, second) = try TestPair.records(.sequencedPacket)
        let task = aside {
            try await splicer.splice(Descriptor(first.number), to: Descriptor(second.number), options: .oneWay)
        }
        let sender = try NamedThread("records") { RecordStream.send(count, to: near.number) }
        let received = RecordStream.receive(from: far.number)
        sender.join()
        #expect(received.count == count && received.firstWrong == nil)
        let told = try await task.value
        #expect(told.ending == .finished && told.bytesToSecond == received.bytes)
    }
}

/// Records whose length and content follow from their number: made and checked without allocating, since there are many.
enum RecordStream {
    private static func length(of number: UInt64) -> Int {
        let mixed = (number &+ 1) &* 0x9E37_79B9_7F4A_7C15
        return mixed >> 60 == 0 ? 0 : Int((mixed >> 32) % 1_500)
    }

    static func send(_ count: Int, to socket: Int32) {
        var bytes = [UInt64](repeating: 0, count: 200)
        for number in 0..<UInt64(count) {
            for index in 0..<4 { bytes[index] = number }
            var result: Int64
            repeat {
                result = clinux_send(socket, bytes, length(of: number))
                if result == Int64(Errno.again) { pause() }
            } while result == Int64(Errno.again)
            guard result >= 0 else { return }
        }
        _ = clinux_shutdown_write(socket)
    }

    static func receive(from socket: Int32) -> (count: Int, bytes: UInt64, firstWrong: Int?) {
        var bytes = [UInt64](repeating: 0, count: 200)
        var count = 0
        var total: UInt64 = 0
        var firstWrong: Int?
        let end = Clock.nowMillis() + 120_000
        while Clock.nowMillis() < end {
            if clinux_peek_record(socket, &bytes, 1) == 0 && clinux_has_empty_record(socket) == 0 { break }
            let result = clinux_receive(socket, &bytes, 1_600)
            if result == Int64(Errno.again) {
                pause()
                continue
            }
            guard result >= 0 else { break }
            let expected = length(of: UInt64(count))
            let isRight = Int(result) == expected && (expected < 8 || bytes[0] == UInt64(count))
            if !isRight && firstWrong == nil { firstWrong = count }
            count += 1
            total += UInt64(result)
        }
        return (count, total, firstWrong)
    }
}
