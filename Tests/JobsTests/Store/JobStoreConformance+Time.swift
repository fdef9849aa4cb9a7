import Platform
import TestSupport
import Testing

@testable import Jobs

/// What every store makes of deadlines, callbacks, filters and clients.
extension JobStoreConformance {
    @Test("a job is not begun after its deadline, fails, and is told once", arguments: StoreUnderTest.all)
    func deadlines(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        var ids: [JobID] = []
        for seconds in [60, 30, 90] {
            var new = NewJob.sample()
            new.deadline = .seconds(seconds)
            ids.append(try await store.insert(new).id)
        }
        let free = try await store.insert(.sample()).id
        clock.advance(by: .seconds(29))
        #expect(try await store.expire().overdue.isEmpty)
        clock.advance(by: .seconds(31))
        let claimed = try await store.claim(limit: 9)
        #expect(claimed.map(\.id) == [ids[2], free])
        let late = try await store.expire()
        #expect(Set(late.overdue.map(\.id)) == [ids[0], ids[1]] && late.removed == 0)
        #expect(late.overdue.allSatisfy { $0.status == .failed && $0.failure?.reason == "deadline-passed" })
        #expect(late.overdue.allSatisfy { $0.finishedAt == clock.wall && $0.queuePosition == nil })
        #expect(try await store.expire().overdue.isEmpty)
        #expect(try await store.job(ids[0]) == late.overdue.first { $0.id == ids[0] })
        clock.advance(by: .seconds(600))
        _ = try await store.renew(claimed.map(\.token))
        #expect(try await store.expire().overdue.isEmpty, "what runs has kept its deadline")
        #expect(try await store.counts().running == 2)
    }

    @Test("a deadline counts again for a job that comes back into the queue", arguments: StoreUnderTest.all)
    func deadlineAfterRelease(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        var new = NewJob.sample()
        new.deadline = .seconds(60)
        let claimed = try #require(try await store.insertAndClaim(new))
        clock.advance(by: .seconds(60))
        _ = try await store.release(claimed.token, as: .unspent)
        #expect(try await store.claim(limit: 1).isEmpty)
        #expect(try await store.expire().overdue.map(\.id) == [claimed.id])
        #expect(try await store.job(claimed.id)?.failure?.reason == "deadline-passed")
    }

    @Test("a note is made with each end, and with nothing else", arguments: StoreUnderTest.all)
    func notes(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open(attempts: 1)
        var new = NewJob.sample()
        new.callback = "https://example.org/hook"
        var expected: [JobID] = []
        for outcome in [JobOutcome.done, .broken, .cancelled] {
            let claimed = try #require(try await store.insertAndClaim(new))
            #expect(try await store.takeCallbacks(limit: 9).isEmpty)
            _ = try await store.complete(claimed.token, with: outcome)
            expected += try await taken(store, claimed.id, outcome.status)
        }
        let lost = try #require(try await store.insertAndClaim(new))
        _ = try await store.release(lost.token, as: .lost)
        expected += try await taken(store, lost.id, .failed)
        let cancelled = try await store.insert(new).id
        _ = try await store.cancel(cancelled)
        expected += try await taken(store, cancelled, .cancelled)
        new.deadline = .seconds(1)
        let late = try await store.insert(new).id
        clock.advance(by: .seconds(1))
        _ = try await store.expire()
        expected += try await taken(store, late, .failed)
        #expect(Set(expected).count == 6)
        let silent = try #require(try await store.insertAndClaim())
        _ = try await store.complete(silent.token, with: .done)
        #expect(try await store.takeCallbacks(limit: 9).isEmpty)
    }

    /// Takes the one note that is due, which has to be of this job.
    private func taken(_ store: any JobStore, _ id: JobID, _ status: JobStatus) async throws -> [JobID] {
        let notes = try await store.takeCallbacks(limit: 9)
        #expect(notes.map(\.job.id) == [id] && notes.map(\.job.status) == [status] && notes.map(\.tries) == [1])
        #expect(try await notes.map(\.job) == [store.job(id)])
        #expect(notes.map(\.url) == ["https://example.org/hook"])
        return notes.map(\.job.id)
    }

    @Test(
        "a note that was taken is nobody else's until its lease is over, then it is tried again",
        arguments: StoreUnderTest.all)
    func leases(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let id = try await endWithCallback(store)
        clock.advance(by: .seconds(5))
        let first = try await store.takeCallbacks(limit: 9)
        #expect(first.map(\.tries) == [1] && first.map(\.age) == [.seconds(5)])
        clock.advance(by: .seconds(60))
        #expect(try await store.takeCallbacks(limit: 9).isEmpty)
        clock.advance(by: .seconds(600))
        let second = try await store.takeCallbacks(limit: 9)
        #expect(second.map(\.tries) == [2] && second.map(\.age) == [.seconds(665)] && second.map(\.job.id) == [id])
    }

    @Test(
        "a note is tried again when its time has come, not counted when nobody tried, and gone when settled",
        arguments: StoreUnderTest.all)
    func verdicts(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let id = try await endWithCallback(store)
        _ = try await store.takeCallbacks(limit: 9)
        try await store.settleCallback(of: id, .retry(after: .seconds(300)))
        clock.advance(by: .seconds(299))
        #expect(try await store.takeCallbacks(limit: 9).isEmpty)
        clock.advance(by: .seconds(1))
        #expect(try await store.takeCallbacks(limit: 9).map(\.tries) == [2])
        try await store.settleCallback(of: id, .untried)
        clock.advance(by: .seconds(60))
        #expect(try await store.takeCallbacks(limit: 9).map(\.tries) == [2])
        try await store.settleCallback(of: id, .settled)
        try await store.settleCallback(of: id, .retry(after: .zero))
        clock.advance(by: .seconds(3_000))
        #expect(try await store.takeCallbacks(limit: 9).isEmpty)
    }

    @Test("notes are taken oldest first, and no more than asked for", arguments: StoreUnderTest.all)
    func noteOrder(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        var ids: [JobID] = []
        for _ in 0..<5 {
            ids.append(try await endWithCallback(store))
            clock.advance(by: .seconds(1))
        }
        #expect(try await store.takeCallbacks(limit: 0).isEmpty)
        #expect(try await store.takeCallbacks(limit: 2).map(\.job.id) == Array(ids[..<2]))
        #expect(try await store.takeCallbacks(limit: 9).map(\.job.id) == Array(ids[2...]))
    }

    @Test(
        "a job is kept while its note is on its way, though its time is over, and goes then",
        arguments: StoreUnderTest.all)
    func keptForNote(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open(resultTTL: .seconds(60))
        let id = try await endWithCallback(store)
        clock.advance(by: .seconds(600))
        #expect(try await store.expire().removed == 0)
        #expect(try await store.job(id)?.status == .succeeded)
        #expect(try await store.output(id) != nil)
        #expect(try await store.list(status: nil, limit: 9, before: nil).map(\.id) == [id])
        #expect(try await store.takeCallbacks(limit: 9).map(\.job.id) == [id])
        try await store.settleCallback(of: id, .settled)
        #expect(try await store.expire().removed <= 1)
        #expect(try await store.job(id) == nil)
        #expect(try await store.counts().total == 0)
    }

    @Test("a job that is forgotten takes its note with it", arguments: StoreUnderTest.all)
    func forgottenNote(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let id = try await endWithCallback(store)
        #expect(try await store.forget(id))
        #expect(try await store.takeCallbacks(limit: 9).isEmpty)
        try await store.settleCallback(of: id, .retry(after: .zero))
        clock.advance(by: .seconds(1))
        #expect(try await store.takeCallbacks(limit: 9).isEmpty)
    }

    private func endWithCallback(_ store: any JobStore) async throws -> JobID {
        var new = NewJob.sample()
        new.callback = "https://example.org/hook"
        let claimed = try #require(try await store.insertAndClaim(new))
        _ = try await store.complete(claimed.token, with: .done)
        return claimed.id
    }

    @Test("lists by status, batch, client and time, all of them together", arguments: StoreUnderTest.all)
    func filters(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let begin = clock.wall
        var jobs: [Job] = []
        var batch: BatchID?
        for hour in 0..<4 {
            for client in ["a", "b"] {
                var new = NewJob.sample()
                new.client = client
                let receipt = try await store.submit(Submission(batch: [new, new]))
                if hour == 2, client == "b" { batch = receipt.batch }
                jobs += receipt.jobs
            }
            clock.advance(by: .seconds(3_600))
        }
        for job in [jobs[3], jobs[10]] { _ = try await store.cancel(job.id) }
        var filter = JobFilter()
        func listed() async throws -> [JobID] { try await store.list(filter, limit: 99, before: nil).map(\.id) }
        func expected(_ isIn: (Int, Job) -> Bool) -> [JobID] {
            jobs.enumerated().filter { isIn($0.offset, $0.element) }.map(\.element.id).reversed()
        }
        #expect(try await listed() == expected { _, _ in true })
        filter.client = "b"
        #expect(try await listed() == expected { $1.client == "b" })
        filter.from = begin.later(by: .seconds(3_600))
        #expect(try await listed() == expected { $0 >= 4 && $1.client == "b" })
        filter.until = begin.later(by: .seconds(3 * 3_600))
        #expect(try await listed() == expected { $0 >= 4 && $0 < 12 && $1.client == "b" })
        filter.batch = batch
        #expect(try await listed() == expected { $0 >= 4 && $1.batch == batch })
        filter.status = .cancelled
        #expect(try await listed() == [jobs[10].id])
        filter.status = .running
        #expect(try await listed().isEmpty)
        filter = JobFilter()
        filter.client = "nobody"
        #expect(try await listed().isEmpty)
    }

    @Test("a list from the time of a job has it, and one until then has not, while time goes by as it is taken")
    func ownTime() async throws {
        let clock = RestlessClock()
        let stores: [any JobStore] = [MemoryJobStore(clock: clock), try StoreFolder().open(.init(), clock)]
        for store in stores {
            for words in [4, 40_000] {
                let job = try await store.insert(.sample(words: words))
                #expect(job.id.madeAt >= job.createdAt, "\(store.summary): no ID is older than its job")
                var filter = JobFilter()
                filter.from = job.createdAt
                #expect(try await store.list(filter, limit: 9, before: nil).map(\.id) == [job.id], "\(store.summary)")
                filter = JobFilter()
                filter.until = job.createdAt
                #expect(try await store.list(filter, limit: 9, before: nil).allSatisfy { $0.id < job.id })
            }
        }
    }

    @Test("a filtered list is paged through without a gap, though jobs end on the way", arguments: StoreUnderTest.all)
    func filteredPages(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var own: [JobID] = []
        for turn in 0..<20 {
            var new = NewJob.sample()
            new.client = turn % 3 == 0 ? "a" : "b"
            let id = try await store.insert(new).id
            if turn % 3 == 0 { own.append(id) }
        }
        var filter = JobFilter()
        filter.client = "a"
        var found: [JobID] = []
        while case let page = try await store.list(filter, limit: 2, before: found.last), !page.isEmpty {
            found += page.map(\.id)
            if let last = found.last {
                _ = try await store.cancel(last)
                #expect(try await store.forget(last))
            }
        }
        #expect(found == own.reversed())
    }

    @Test(
        "one job of a client is claimed second at the latest, whatever another client has queued",
        arguments: StoreUnderTest.all)
    func fairShares(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var many = NewJob.sample()
        many.client = "a"
        _ = try await store.submit(Submission(batch: [NewJob](repeating: many, count: 1_000)))
        #expect(try await store.claim(limit: 3).allSatisfy { $0.client == "a" })
        var one = many
        one.client = "b"
        let id = try await store.insert(one).id
        #expect(try await store.job(id)?.queuePosition ?? .max <= 2)
        #expect(try await store.claim(limit: 2).contains { $0.id == id })
        let counts = try await store.counts()
        #expect(counts.queuedByClient.mapValues(\.jobs) == ["a": 996])
    }

    @Test("fair shares go on over a crash", arguments: StoreUnderTest.all.filter { $0.afterCrash != nil })
    func fairSharesAfterCrash(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        var ids: [String: JobID] = [:]
        for client in ["a", "a", "a", "b"] {
            var new = NewJob.sample()
            new.client = client
            ids[client] = try await store.insert(new).id
        }
        let next = try await kind.afterCrash?(store, .init(), clock, SeededRandom(seed: 2))
        #expect(try await next?.claim(limit: 2).map(\.client).sorted() == ["a", "b"])
    }

    @Test("what ran at a crash runs alone", arguments: StoreUnderTest.ownedByProcess)
    func suspects(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        for _ in 0..<4 { _ = try await store.insert(.sample()) }
        let before = try await store.claim(limit: 2).map(\.id)
        let next = try #require(try await kind.afterCrash?(store, .init(), clock, SeededRandom(seed: 2)))
        for id in before {
            let claimed = try await next.claim(limit: 4)
            #expect(claimed.map(\.id) == [id] && claimed.map(\.attempt) == [2])
            #expect(try await next.claim(limit: 4).isEmpty)
            _ = try await next.complete(claimed[0].token, with: .done)
        }
        #expect(try await next.claim(limit: 4).count == 2)
    }
}

/// A clock that goes on by a millisecond whenever it is looked at.
private final class RestlessClock: JobClock {
    private let inner = ManualClock()

    var wall: WallTime {
        inner.advance(by: .milliseconds(1))
        return inner.wall
    }
    var now: MonotonicTime { inner.now }

    func sleep(until deadline: MonotonicTime) async throws { try await inner.sleep(until: deadline) }
}
