import Jobs
import Platform
import TestSupport
import Testing

extension JobStoreConformance {
    private func submission(
        _ count: Int = 1, words: Int = 4, units: Int = 0, of account: Account?, key: String? = nil, reuse: String? = nil
    ) -> Submission {
        let jobs = (0..<count).map { _ in
            // Each of a subject and an input of its own.
            var new = NewJob.sample(words: words)
            new.units = units
            new.reuseKey = reuse
            return new
        }
        var submission = Submission(batch: jobs)
        submission.isBatch = count > 1
        submission.account = account
        submission.key = key.map { IdempotencyKey(client: "a", text: $0, fingerprint: "same") }
        return submission
    }

    private func excess(_ store: any JobStore, _ submission: Submission) async -> QuotaExcess? {
        do {
            _ = try await store.submit(submission)
            return nil
        } catch {
            guard case .overQuota(let excess) = error else {
                Issue.record("\(error)")
                return nil
            }
            return excess
        }
    }

    @Test("an account hands in what it may a day, and no job more until the day is over", arguments: StoreUnderTest.all)
    func dailyJobs(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let account = Account(name: "a", quota: DailyQuota(jobs: 3))
        let day: Int64 = 86_400_000
        _ = try await store.submit(submission(2, of: account))
        #expect(await excess(store, submission(2, of: account))?.used == 2, "all of a batch, or nothing of it")
        _ = try await store.submit(submission(of: account))
        let refused = try #require(await excess(store, submission(of: account)))
        #expect(refused.measure == .jobs && refused.limit == 3 && refused.used == 3 && refused.asked == 1)
        #expect(refused.account == "a" && !refused.fitsNever)
        let left = day - clock.wall.milliseconds % day
        #expect(refused.retryAfterSeconds == Int((left + 999) / 1_000))
        #expect(try await store.counts().queued == 3, "what is refused leaves nothing")
        // Others are none of its business, nor is what counts against nobody.
        _ = try await store.submit(submission(of: Account(name: "b", quota: DailyQuota(jobs: 1))))
        _ = try await store.submit(submission(of: nil))
        clock.advance(by: .milliseconds(left - 1))
        #expect(await excess(store, submission(of: account))?.retryAfterSeconds == 1)
        clock.advance(by: .milliseconds(1))
        _ = try await store.submit(submission(3, of: account))
        #expect(await excess(store, submission(of: account)) != nil)
        #expect(try await store.usage(of: "a")?.jobs == 3)
        #expect(try await store.usage(of: "nobody") == nil)
    }

    @Test(
        "bytes that are kept elsewhere count against the account, and not as the queue's", arguments: StoreUnderTest.all
    )
    func dailyBytesElsewhere(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let account = Account(name: "a", quota: DailyQuota(bytes: 1_000))
        var large = submission(of: account)
        large.jobs[0].bytesElsewhere = 900
        _ = try await store.submit(large)
        #expect(try await store.usage(of: "a")?.bytes == 916)
        #expect(try await store.counts().queuedBytes == 16)
        #expect(await excess(store, large)?.used == 916)
        _ = try await store.submit(submission(of: account))
    }

    @Test("bytes and units are bounded by themselves", arguments: StoreUnderTest.all)
    func dailyAmounts(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let account = Account(name: "a", quota: DailyQuota(bytes: 100, units: 10))
        #expect(await excess(store, submission(words: 26, of: account))?.fitsNever == true, "no day has 104")
        _ = try await store.submit(submission(2, words: 10, units: 3, of: account))
        #expect(await excess(store, submission(words: 6, of: account))?.measure == .bytes)
        #expect(await excess(store, submission(words: 4, units: 5, of: account))?.measure == .units)
        _ = try await store.submit(submission(words: 5, units: 4, of: account))
        #expect(try await store.usage(of: "a")?.bytes == 100)
        #expect(try await store.usage(of: "a")?.units == 10)
        #expect(await excess(store, submission(units: .max, of: account)) != nil)
    }

    @Test(
        "units that come later count up to the bound, and what did not come is given back the same day",
        arguments: StoreUnderTest.all)
    func settled(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let account = Account(name: "a", quota: DailyQuota(units: 10))
        let day = clock.wall.milliseconds / 86_400_000
        _ = try await store.submit(submission(units: 4, of: account))
        #expect(try await store.settle(-3, of: account, since: day) == nil)
        #expect(try await store.usage(of: "a")?.units == 1)
        #expect(try await store.settle(-1, of: account, since: day - 1) == nil)
        #expect(try await store.usage(of: "a")?.units == 1, "what another day has counted is that day's")
        #expect(try await store.settle(8, of: account, since: day) == nil)
        let excess = try #require(try await store.settle(2, of: account, since: day))
        #expect(excess.used == 9 && excess.asked == 2 && excess.limit == 10)
        #expect(try await store.usage(of: "a")?.units == 10, "nothing is left of the day")
        #expect(try await store.settle(.max, of: Account(name: "b", quota: DailyQuota()), since: day) == nil)
        #expect(try await store.settle(.max, of: Account(name: "b", quota: DailyQuota()), since: day) == nil)
        #expect(try await store.usage(of: "b")?.units == .max)
    }

    @Test("what makes no job is not counted, and what is deleted was", arguments: StoreUnderTest.all)
    func dailyAnswers(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let account = Account(name: "a", quota: DailyQuota(jobs: 2))
        let first = try await store.submit(submission(of: account, key: "one", reuse: "same")).jobs[0].id
        #expect(try await store.submit(submission(of: account, key: "one", reuse: "same")).origin == .replayed)
        let claimed = try #require(try await store.claim(limit: 1).first)
        _ = try await store.complete(claimed.token, with: .done)
        #expect(try await store.submit(submission(of: account, reuse: "same")).origin == .reused)
        // Also where nothing is left of the day, with a key or without.
        let spent = Account(name: "a", quota: DailyQuota(jobs: 1))
        #expect(try await store.submit(submission(of: spent, reuse: "same")).origin == .reused)
        #expect(try await store.submit(submission(of: spent, key: "three", reuse: "same")).origin == .reused)
        #expect(try await store.usage(of: "a")?.jobs == 1)
        #expect(try await store.forget(first))
        let second = try await store.submit(submission(of: account, key: "two")).jobs[0].id
        _ = try await store.cancel(second)
        #expect(try await store.forget(second))
        #expect(await excess(store, submission(of: account))?.used == 2)
        #expect(await excess(store, submission(of: account, key: "two"))?.used == 2)
    }

    @Test("a clock that is set back over midnight gives no second day, and one that was far ahead locks out nobody")
    func clockSetBack() throws {
        let day: Int64 = 86_400_000
        let account = Account(name: "a", quota: DailyQuota(jobs: 2))
        func time(_ days: Int64, _ milliseconds: Int64 = 0) -> WallTime {
            WallTime(milliseconds: days * day + milliseconds)
        }
        let usage = try account.charged(nil, jobs: 2, bytes: 0, units: 0, at: time(20_001))
        let excess = #expect(throws: QuotaExcess.self) {
            try account.charged(usage, jobs: 1, bytes: 0, units: 0, at: time(20_001, -500))
        }
        #expect(excess?.retryAfterSeconds == 86_401)
        #expect(try account.charged(usage, jobs: 1, bytes: 0, units: 0, at: time(20_000, -1)).jobs == 1)
        #expect(try account.charged(usage, jobs: 1, bytes: 0, units: 0, at: time(20_002)).jobs == 1)
    }

    @Test("the day's count outlasts the process", arguments: StoreUnderTest.all.filter { $0.afterCrash != nil })
    func dailyCountsAfterCrash(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let account = Account(name: "a", quota: DailyQuota(jobs: 2))
        _ = try await store.submit(submission(2, of: account))
        let next = try await kind.afterCrash?(store, MemoryJobStore.Settings(), clock, SeededRandom(seed: 2))
        #expect(await excess(try #require(next), submission(of: account))?.used == 2)
    }
}
