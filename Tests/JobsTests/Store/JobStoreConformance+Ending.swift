import Jobs
import Testing

extension JobStoreConformance {
    @Test("cancels a queued job at once", arguments: StoreUnderTest.all)
    func cancelQueued(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let id = try await store.insert(.sample()).id
        guard case .cancelled(let job) = try await store.cancel(id) else {
            Issue.record("it was queued")
            return
        }
        #expect(job.status == .cancelled && job.finishedAt == clock.wall && job.queuePosition == nil)
        #expect(try await store.claim(limit: 1).isEmpty)
        #expect(try await store.cancel(id) == .alreadyEnded(job))
    }

    @Test(
        "a running job that was told to stop ends as cancelled, whatever came of it",
        arguments: StoreUnderTest.all, [JobOutcome.done, .broken, .cancelled])
    func cancelRunning(kind: StoreUnderTest, outcome: JobOutcome) async throws {
        let (store, _) = try await kind.open()
        let claimed = try #require(try await store.insertAndClaim())
        guard case .requested(let running) = try await store.cancel(claimed.id) else {
            Issue.record("it was running")
            return
        }
        #expect(running.status == .running)
        #expect(try await store.reportProgress(claimed.token, partsDone: 0) == .cancelRequested)
        let job = try await store.complete(claimed.token, with: outcome)
        #expect(job?.status == .cancelled && job?.failure == nil && job?.outputBytes == nil)
        #expect(try await store.output(claimed.id) == nil)
    }

    @Test("a job that was told to stop is not queued again", arguments: StoreUnderTest.all, [Release.lost, .unspent])
    func cancelThenRelease(kind: StoreUnderTest, release: Release) async throws {
        let (store, _) = try await kind.open()
        let claimed = try #require(try await store.insertAndClaim())
        _ = try await store.cancel(claimed.id)
        #expect(try await store.release(claimed.token, as: release)?.status == .cancelled)
        #expect(try await store.claim(limit: 1).isEmpty)
    }

    @Test("what a job is about can be had while it has not ended, and is let go of then", arguments: StoreUnderTest.all)
    func inputs(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let job = try await store.insert(.sample())
        let input = try #require(try await store.input(of: job))
        #expect(input == NewJob.sample().input)
        let claimed = try #require(try await store.claim(limit: 1).first)
        #expect(claimed.input == input, "it was not taken away from whoever works on it")
        #expect(try await store.input(of: job) == input)
        _ = try await store.complete(claimed.token, with: .done)
        #expect(try await store.input(of: job) == nil)
    }

    @Test("cancelling after the end changes nothing", arguments: StoreUnderTest.all)
    func cancelEnded(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let claimed = try #require(try await store.insertAndClaim())
        let ended = try #require(try await store.complete(claimed.token, with: .done))
        #expect(try await store.cancel(claimed.id) == .alreadyEnded(ended))
        #expect(try await store.job(claimed.id) == ended)
        #expect(try await store.output(claimed.id) != nil)
    }

    @Test("cancel and complete race to one outcome", arguments: StoreUnderTest.all)
    func race(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        for _ in 0..<200 {
            let claimed = try #require(try await store.insertAndClaim())
            async let completing = store.complete(claimed.token, with: .done)
            async let cancelling = store.cancel(claimed.id)
            let (job, cancelled) = try await (completing, cancelling)
            switch cancelled {
            case .requested: #expect(job?.status == .cancelled)
            case .alreadyEnded(let ended): #expect(job == ended && ended.status == .succeeded)
            case .cancelled, .damaged, .unknown: Issue.record("a running job was \(cancelled)")
            }
        }
    }

    @Test("what a job says of itself at its end is what it says from then on", arguments: StoreUnderTest.all)
    func saysMore(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let claimed = try #require(try await store.insertAndClaim())
        let output = JobOutput(body: [1], subject: JobSubject([7, 7, 7]))
        let ended = try await store.complete(claimed.token, with: .succeeded(output), timings: nil)
        #expect(ended?.subject.bytes == [7, 7, 7])
        #expect(try await store.job(claimed.id)?.subject.bytes == [7, 7, 7])
        #expect(try await store.list(JobFilter(), limit: 1, before: nil).first?.subject.bytes == [7, 7, 7])
        #expect(try await store.output(claimed.id)?.body == [1])
        let other = try #require(try await store.insertAndClaim())
        _ = try await store.cancel(other.id)
        _ = try await store.complete(other.token, with: .succeeded(output), timings: nil)
        #expect(try await store.job(other.id)?.subject.bytes == other.subject.bytes, "what was cancelled says no more")
    }

    @Test("short jobs do not wait behind long ones, of which only so many are claimed", arguments: StoreUnderTest.all)
    func lanes(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let long = [try await store.insert(.sample(parts: 5_000)).id, try await store.insert(.sample(parts: 5_000)).id]
        let short = [try await store.insert(.sample(parts: 3)).id, try await store.insert(.sample(parts: 3)).id]
        #expect(try await store.job(short[0])?.queuePosition == 1)
        #expect(try await store.job(short[0])?.partsAhead == 3)
        #expect(try await store.job(long[1])?.queuePosition == 2)
        let first = try await store.claim(ClaimLimit(jobs: 3, parts: 3, long: 1))
        #expect(first.map(\.id) == [long[0], short[0]])
        #expect(try await store.claim(ClaimLimit(jobs: 3, parts: 3, long: 0)).map(\.id) == [short[1]])
        #expect(try await store.claim(ClaimLimit(jobs: 3, parts: 3, long: 0)).isEmpty)
        #expect(try await store.claim(ClaimLimit(jobs: 1)).map(\.id) == [long[1]])
    }

    @Test("forgets what has ended, and nothing else", arguments: StoreUnderTest.all)
    func forgetting(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let claimed = try #require(try await store.insertAndClaim())
        let queued = try await store.insert(.sample()).id
        #expect(try await store.forget(claimed.id) == false)
        #expect(try await store.forget(queued) == false)
        _ = try await store.complete(claimed.token, with: .done)
        #expect(try await store.forget(claimed.id))
        #expect(try await store.forget(claimed.id) == false)
        #expect(try await store.job(claimed.id) == nil)
        #expect(try await store.output(claimed.id) == nil)
        #expect(try await store.job(queued)?.status == .queued)
    }

    @Test("pages through jobs, newest first, though jobs come and go", arguments: StoreUnderTest.all)
    func listing(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var ids: [JobID] = []
        for _ in 0..<7 { ids.append(try await store.insert(.sample()).id) }
        let first = try await store.list(status: nil, limit: 3, before: nil).map(\.id)
        #expect(first == [ids[6], ids[5], ids[4]])
        _ = try await store.insert(.sample())
        _ = try await store.cancel(ids[4])
        #expect(try await store.forget(ids[4]))
        let second = try await store.list(status: nil, limit: 3, before: ids[4]).map(\.id)
        #expect(second == [ids[3], ids[2], ids[1]])
        let third = try await store.list(status: nil, limit: 3, before: ids[1]).map(\.id)
        #expect(third == [ids[0]])
        #expect(try await store.list(status: nil, limit: 0, before: nil).isEmpty)
        _ = try await store.cancel(ids[2])
        #expect(try await store.list(status: .cancelled, limit: 9, before: nil).map(\.id) == [ids[2]])
    }

    @Test("counts by status, and what they hold", arguments: StoreUnderTest.all)
    func counting(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        for outcome in [JobOutcome.done, .done, .broken] {
            let claimed = try #require(try await store.insertAndClaim())
            _ = try await store.complete(claimed.token, with: outcome)
        }
        let cancelled = try await store.insert(.sample()).id
        _ = try await store.cancel(cancelled)
        _ = try await store.insertAndClaim()
        for parts in 1...3 { _ = try await store.insert(.sample(parts: parts, words: 8)) }
        let counts = try await store.counts()
        #expect(counts.queued == 3 && counts.running == 1 && counts.succeeded == 2)
        #expect(counts.failed == 1 && counts.cancelled == 1 && counts.total == 8)
        #expect(counts.queuedBytes == 3 * 8 * 4 && counts.queuedParts == 6)
    }

    @Test(
        "a census has what counting finds, by priority and model too, with the oldest wait",
        arguments: StoreUnderTest.all)
    func census(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open(resultTTL: .seconds(60))
        for outcome in [JobOutcome.done, .broken] {
            let claimed = try #require(try await store.insertAndClaim())
            _ = try await store.complete(claimed.token, with: outcome)
        }
        _ = try await store.insertAndClaim()
        for (priority, model) in [(Priority.high, "a"), (.low, "a"), (.high, "a"), (.high, "b")] {
            var new = NewJob.sample(priority, words: 8)
            new.model = model
            _ = try await store.insert(new)
            clock.advance(by: .seconds(1))
        }
        let census = try #require(try await store.census())
        #expect(
            census.lines == [
                .init(priority: .low, model: "a", jobs: 1, bytes: 32, oldestWait: .seconds(3)),
                .init(priority: .high, model: "a", jobs: 2, bytes: 64, oldestWait: .seconds(4)),
                .init(priority: .high, model: "b", jobs: 1, bytes: 32, oldestWait: .seconds(1)),
            ])
        #expect(census.jobs == [.queued: 4, .running: 1, .succeeded: 1, .failed: 1, .cancelled: 0])
        clock.advance(by: .seconds(120))
        _ = try await store.expire()
        let after = try #require(try await store.census())
        #expect(after.jobs == [.queued: 5, .running: 0, .succeeded: 0, .failed: 0, .cancelled: 0])
    }

    @Test("callbacks that wait are counted, until they have arrived or are given up", arguments: StoreUnderTest.all)
    func waitingCallbacks(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        #expect(store.waitingCallbacks == 0)
        var new = NewJob.sample()
        new.callback = "https://example.org"
        for _ in 0..<2 {
            _ = try await store.insert(new)
            let claimed = try #require(try await store.claim(limit: 1).first)
            _ = try await store.complete(claimed.token, with: .done)
        }
        #expect(store.waitingCallbacks == 2)
        let notes = try await store.takeCallbacks(limit: 2)
        try await store.settleCallback(of: notes[0].job.id, .retry(after: .seconds(1)))
        #expect(store.waitingCallbacks == 2)
        try await store.settleCallback(of: notes[0].job.id, .settled)
        _ = try await store.forget(notes[1].job.id)
        #expect(store.waitingCallbacks == 0)
    }

    @Test("keeps an ended job for its time, by a clock that does not jump", arguments: StoreUnderTest.all)
    func expiry(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open(resultTTL: .seconds(60))
        let claimed = try #require(try await store.insertAndClaim())
        let queued = try await store.insert(.sample()).id
        clock.advance(by: .seconds(600))
        _ = try await store.complete(claimed.token, with: .done)
        clock.advance(by: .seconds(59))
        clock.setWall(WallTime(milliseconds: 9_000_000_000_000))
        #expect(try await store.expire().removed == 0)
        #expect(try await store.job(claimed.id) != nil)
        clock.setWall(WallTime(milliseconds: 0))
        clock.advance(by: .seconds(1))
        #expect(try await store.expire().removed == 1)
        #expect(try await store.job(claimed.id) == nil)
        #expect(try await store.output(claimed.id) == nil)
        #expect(try await store.job(queued)?.status == .queued)
    }

    @Test("what has expired is not shown, also before anybody cleans up", arguments: StoreUnderTest.all)
    func lazyExpiry(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open(resultTTL: .seconds(60))
        let claimed = try #require(try await store.insertAndClaim())
        _ = try await store.complete(claimed.token, with: .done)
        clock.advance(by: .seconds(60))
        #expect(try await store.job(claimed.id) == nil)
        #expect(try await store.output(claimed.id) == nil)
        #expect(try await store.list(status: nil, limit: 5, before: nil).isEmpty)
    }
}
