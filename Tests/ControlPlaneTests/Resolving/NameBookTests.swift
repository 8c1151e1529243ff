import Testing

@testable import ControlPlane

@Suite("When names are looked up")
struct NameBookTests {
    private let first = ResolveRules("first", .a, port: 1)
    private let second = ResolveRules("second", .a, port: 1, refreshMillis: 7_000)

    private func answer(_ last: UInt32..., ttl: UInt32 = 5) -> Result<NameAnswer, NameFailure> {
        .success(NameAnswer(servers: ResolvedServer.of(last.map { .ten($0) }, port: 1), secondsToLive: ttl))
    }

    private func book(_ all: Set<ResolveRules>) -> NameBook {
        var book = NameBook(troubledMax: 1)
        book.follow(all, at: 100)
        return book
    }

    @Test("at once at first, and again when their time is over, from a second to an hour, or as the rules say")
    func times() {
        var book = book([first])
        #expect(book.dueMillis == 100 && book.next(at: 99) == nil && !book.areTried)
        #expect(book.next(at: 100) == first && book.next(at: 1_000) == nil && book.dueMillis == nil)
        for (ttl, pause) in [(5, 5_000), (0, 1_000), (UInt32.max, 3_600_000)] as [(UInt32, Int64)] {
            book.note(answer(1, ttl: ttl), of: first, at: 10_000)
            #expect(book.dueMillis == 10_000 + pause && book.areTried)
            #expect(book.next(at: 10_000 + pause) == first)
        }
        book.follow([second], at: 200)
        #expect(book.next(at: 200) == second)
        book.note(answer(1, ttl: 1), of: second, at: 300)
        #expect(book.dueMillis == 7_300)
    }

    @Test("less and less often where they fail, and the last good answer stays")
    func failures() {
        var book = book([first])
        _ = book.next(at: 100)
        book.note(answer(1, 2), of: first, at: 100)
        let good = book.servers(of: first)
        var now: Int64 = 5_100
        for pause: Int64 in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            #expect(book.next(at: now) == first)
            book.note(.failure(.noAnswer), of: first, at: now)
            #expect(book.dueMillis == now + pause && book.servers(of: first) == good && good.count == 2)
            now += pause
        }
        #expect(book.statuses[0].answeredAtMillis == 100 && book.statuses[0].failingSinceMillis == 5_100)
        _ = book.next(at: now)
        book.note(answer(1, 2), of: first, at: now)
        #expect(book.statuses[0].failure == nil && book.dueMillis == now + 5_000)
        #expect(book.counts == NameCounts(lookups: 9, failures: 7))
    }

    @Test("and tell a change only where the servers are others")
    func changes() {
        var book = book([first])
        func note(_ result: Result<NameAnswer, NameFailure>) -> [UInt64] {
            book.note(result, of: first, at: 1)
            return [book.changes, book.news]
        }
        #expect(book.changes == 0 && book.news == 1)
        #expect(note(answer(1, 2)) == [1, 2])
        #expect(note(answer(2, 1, ttl: 9)) == [1, 2])
        #expect(note(.failure(.noName)) == [1, 3])
        #expect(note(.failure(.noAnswer)) == [1, 3])
        #expect(note(answer(1, 2)) == [1, 4])
        #expect(note(answer(1)) == [2, 5])
    }

    @Test("those that fail leave room for the others")
    func room() {
        let bad = (0..<3).map { ResolveRules("bad\($0)", .a, port: 1) }
        var book = book(Set(bad))
        for rules in bad { book.note(.failure(.noAnswer), of: rules, at: 0) }
        book.follow(Set(bad + [first]), at: 5_000)
        #expect(book.next(at: 5_000)?.name.hasPrefix("bad") == true)
        #expect(book.dueMillis == 5_000)
        #expect(book.next(at: 5_000) == first)
        #expect(book.next(at: 5_000) == nil && book.dueMillis == nil)
        book.note(answer(1), of: first, at: 6_000)
        #expect(book.dueMillis == 11_000)
    }

    @Test("and what is known of those that stay is kept")
    func following() {
        var book = book([first, second])
        _ = book.next(at: 100)
        _ = book.next(at: 100)
        book.note(answer(1), of: first, at: 100)
        book.follow([first], at: 200)
        #expect(book.count == 1 && book.servers(of: first).count == 1 && book.areTried)
        book.note(answer(1), of: second, at: 300)
        #expect(book.servers(of: second).isEmpty && book.changes == 1)
    }
}

@Suite("News of names")
struct NameNewsTests {
    @Test("are told once: servers, failures with the age of what stays, and recoveries")
    func told() {
        let rules = ResolveRules("shop.svc", .a, port: 1)
        var news = NameNews()
        var status = NameStatus(rules)
        #expect(
            news.look(at: [status], now: 0) == [
                .fails("name shop.svc (a) has not been answered yet; it has given no servers yet")
            ])
        #expect(news.look(at: [status], now: 0) == [])
        status.failure = .noAnswer
        status.isTried = true
        #expect(
            news.look(at: [status], now: 0) == [
                .fails("name shop.svc (a) cannot be looked up: no name server answers; it has given no servers yet")
            ])
        #expect(news.look(at: [status], now: 1) == [])
        status.failure = nil
        status.servers = [ResolvedServer(.ten(1), port: 1), ResolvedServer(.ten(2), port: 1, isBackup: true)]
        status.answeredAtMillis = 3_000
        #expect(
            news.look(at: [status], now: 3_400) == [
                .isAnswered("name shop.svc (a) is answered again after 3 s"),
                .isAnswered("name shop.svc (a) is 10.0.0.1:1, 10.0.0.2:1 (backup)"),
            ])
        status.failure = .noName
        #expect(
            news.look(at: [status], now: 15_000) == [
                .fails("name shop.svc (a) cannot be looked up: there is no such name; its 2 servers of 12 s ago stay")
            ])
        status.failure = nil
        status.servers = (0..<10).map { ResolvedServer(.ten($0), port: 1) }
        #expect(news.look(at: [status], now: 20_000).count == 2)
        status.servers = Array(status.servers.dropFirst())
        guard case .isAnswered(let sentence)? = news.look(at: [status], now: 20_000).first else {
            Issue.record("nothing told")
            return
        }
        #expect(sentence.hasSuffix(", 10.0.0.8:1 and 1 more"))
    }
}
