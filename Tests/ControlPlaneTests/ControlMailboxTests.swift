import ControlMessages
import Synchronization
import Testing

@testable import ControlPlane

@Suite("The mailbox of the main thread")
struct ControlMailboxTests {
    @Test("an order is taken once, and its sender gets the answer", .timeLimit(.minutes(1)))
    func answers() async {
        let (rings, ring) = AsyncStream<Void>.makeStream()
        let mailbox = ControlMailbox(patience: .seconds(600)) { ring.yield() }
        async let answer = mailbox.answer(.metrics)
        for await _ in rings { break }
        let letters = mailbox.take()
        #expect(letters.map(\.order) == [.metrics] && mailbox.take().isEmpty)
        #expect(letters.first?.begin() == true && letters.first?.begin() == false)
        letters.first?.answer(.metrics("a"))
        letters.first?.answer(.metrics("b"))
        #expect(await answer == .metrics("a"))
    }

    @Test("an order that is not taken in time is refused, and not carried out any more", .timeLimit(.minutes(1)))
    func expires() async {
        let mailbox = ControlMailbox(patience: .milliseconds(1)) {}
        guard case .failure(let failure) = await mailbox.answer(.reload) else {
            Issue.record("it was answered")
            return
        }
        #expect(failure.kind == .unavailable && failure.sentence.hasSuffix("so it is not done; try again"))
        let letters = mailbox.take()
        #expect(letters.count == 1 && letters[0].begin() == false)
    }

    @Test("one that takes too long is told to be under way", .timeLimit(.minutes(1)))
    func takesLong() async {
        let (rings, ring) = AsyncStream<Void>.makeStream()
        let mailbox = ControlMailbox(patience: .milliseconds(500)) { ring.yield() }
        async let answer = mailbox.answer(.reload)
        for await _ in rings { break }
        let letter = mailbox.take().first
        guard letter?.begin() == true else { return }
        guard case .failure(let failure) = await answer else {
            Issue.record("it was answered")
            return
        }
        #expect(failure.kind == .unavailable && failure.sentence.hasPrefix("it is still being done"))
        letter?.answer(.metrics("too late"))
    }

    @Test("at the end whoever waits and whoever comes is refused", .timeLimit(.minutes(1)))
    func closes() async {
        let (rings, ring) = AsyncStream<Void>.makeStream()
        let mailbox = ControlMailbox(patience: .seconds(600)) { ring.yield() }
        async let waiting = mailbox.answer(.status)
        for await _ in rings { break }
        mailbox.close()
        for answer in [await waiting, await mailbox.answer(.status)] {
            guard case .failure(let failure) = answer else {
                Issue.record("it was answered")
                return
            }
            #expect(failure.kind == .unavailable && failure.sentence.contains("about to end"))
        }
    }

    @Test("no more orders wait than there is room for", .timeLimit(.minutes(1)))
    func isBounded() async {
        let (rings, ring) = AsyncStream<Void>.makeStream()
        let mailbox = ControlMailbox(patience: .seconds(600)) { ring.yield() }
        let refused = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<ControlMailbox.lettersMax {
                group.addTask { if case .failure = await mailbox.answer(.status) { true } else { false } }
            }
            var count = 0
            for await _ in rings {
                count += 1
                if count == ControlMailbox.lettersMax { break }
            }
            guard case .failure(let failure) = await mailbox.answer(.drain) else { return false }
            for letter in mailbox.take() { letter.answer(.metrics("")) }
            for await isRefused in group where isRefused { return false }
            return failure.sentence.contains("wait already")
        }
        #expect(refused)
    }
}
