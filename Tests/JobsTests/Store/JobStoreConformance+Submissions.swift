import TestSupport
import Testing

@testable import Jobs

/// What every store makes of keys, batches and equal jobs.
extension JobStoreConformance {
    private static func key(_ text: String, of client: String = "a", for fingerprint: String = "1") -> IdempotencyKey {
        IdempotencyKey(client: client, text: text, fingerprint: fingerprint)
    }

    @Test(
        "the same key with the same fingerprint gives the same job, whatever has become of it",
        arguments: StoreUnderTest.all)
    func replay(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let submission = Submission(.sample(), key: Self.key("k"))
        let first = try await store.submit(submission)
        #expect(first.origin == .new && first.batch == nil && first.jobs.count == 1)
        let again = try await store.submit(submission)
        #expect(again.origin == .replayed && again.jobs == first.jobs && again.batch == nil)
        let claimed = try #require(try await store.claim(limit: 2).first)
        #expect(try await store.submit(submission).jobs.map(\.status) == [.running])
        let ended = try await store.complete(claimed.token, with: .done)
        #expect(try await store.submit(submission) == Receipt(jobs: [try #require(ended)], origin: .replayed))
        #expect(try await store.counts().total == 1)
    }

    @Test(
        "a key that comes with something else is refused by name, and nothing is changed", arguments: StoreUnderTest.all
    )
    func reusedKey(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        _ = try await store.submit(Submission(.sample(), key: Self.key("k")))
        let other = Submission(batch: [.sample(), .sample()], key: Self.key("k", for: "2"))
        await #expect(throws: JobStoreError.keyReused("k")) { try await store.submit(other) }
        #expect(try await store.counts().total == 1)
        #expect(try await store.submit(Submission(.sample(), key: Self.key("k"))).origin == .replayed)
    }

    @Test("an equal key of another client is another key", arguments: StoreUnderTest.all)
    func otherClient(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let first = try await store.submit(Submission(.sample(), key: Self.key("k")))
        let second = try await store.submit(Submission(.sample(), key: Self.key("k", of: "b", for: "2")))
        #expect(second.origin == .new && second.jobs[0].id != first.jobs[0].id)
    }

    @Test(
        "a key is free again when its job is forgotten, or has expired", arguments: StoreUnderTest.all, [true, false])
    func freeKey(kind: StoreUnderTest, isForgotten: Bool) async throws {
        let (store, clock) = try await kind.open(resultTTL: .seconds(60))
        let first = try await store.submit(Submission(.sample(), key: Self.key("k"))).jobs[0]
        _ = try await store.cancel(first.id)
        if isForgotten { #expect(try await store.forget(first.id)) } else { clock.advance(by: .seconds(60)) }
        let second = try await store.submit(Submission(.sample(), key: Self.key("k", for: "2")))
        #expect(second.origin == .new && second.jobs[0].id != first.id)
        _ = try await store.expire()
        #expect(try await store.submit(Submission(.sample(), key: Self.key("k", for: "2"))).jobs == second.jobs)
    }

    @Test("of 100 equal submissions at once one is new, and all get its job", arguments: StoreUnderTest.all)
    func race100(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let receipts = try await withThrowingTaskGroup(of: Receipt.self) { group in
            for _ in 0..<100 { group.addTask { try await store.submit(Submission(.sample(), key: Self.key("k"))) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(receipts.count { $0.origin == .new } == 1 && receipts.count { $0.origin == .replayed } == 99)
        #expect(Set(receipts.map { $0.jobs.map(\.id) }).count == 1)
        #expect(try await store.counts().total == 1)
    }

    @Test(
        "of many that come at once each has its own input, also where their hour is a new one",
        arguments: StoreUnderTest.all)
    func crowd(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        for hours in [0, 5] {
            clock.advance(by: .seconds(3_600 * hours))
            let inputs = try await store.submitCrowd(100)
            #expect(inputs.count == 100)
            let claimed = try await store.claim(limit: 100)
            #expect(claimed.count == 100)
            for job in claimed { #expect(job.input == inputs[job.id]) }
        }
    }

    @Test(
        "a batch is kept in its order, and found by its name until all of it is forgotten",
        arguments: StoreUnderTest.all)
    func batches(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var jobs = (1...5).map { NewJob.sample(parts: $0) }
        for index in jobs.indices { jobs[index].name = "part \(index)" }
        let receipt = try await store.submit(Submission(batch: jobs, key: Self.key("k")))
        let id = try #require(receipt.batch)
        #expect(receipt.origin == .new && receipt.jobs.map(\.parts) == [1, 2, 3, 4, 5])
        #expect(receipt.jobs.allSatisfy { $0.batch == id && $0.status == .queued })
        var batch = try await store.batch(id)
        #expect(batch?.jobs == receipt.jobs && batch?.isEnded == false)
        #expect(batch?.jobs.map(\.name) == (0..<5).map { "part \($0)" })
        #expect(try await store.submit(Submission(batch: jobs, key: Self.key("k"))).jobs == receipt.jobs)
        for job in receipt.jobs { _ = try await store.cancel(job.id) }
        for (place, job) in receipt.jobs.enumerated() {
            batch = try await store.batch(id)
            #expect(batch?.jobs.map(\.id) == receipt.jobs[place...].map(\.id) && batch?.isEnded == true)
            #expect(try await store.submit(Submission(batch: jobs, key: Self.key("k"))).jobs == batch?.jobs)
            #expect(try await store.forget(job.id))
        }
        #expect(try await store.batch(id) == nil)
        #expect(try await store.submit(Submission(batch: jobs, key: Self.key("k"))).origin == .new)
    }

    @Test("a batch of one has a name too, and there is no batch of another name", arguments: StoreUnderTest.all)
    func batchOfOne(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let receipt = try await store.submit(Submission(batch: [.sample()]))
        let id = try #require(receipt.batch)
        #expect(try await store.batch(id)?.jobs == receipt.jobs)
        #expect(try await store.batch(BatchID(receipt.jobs[0].id)) == nil)
        #expect(try await store.job(id.jobID) == nil)
    }

    @Test("a batch expires with the last of its jobs", arguments: StoreUnderTest.all)
    func batchExpires(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open(resultTTL: .seconds(60))
        let submission = Submission(batch: [.sample(), .sample()], key: Self.key("k"))
        let receipt = try await store.submit(submission)
        let id = try #require(receipt.batch)
        _ = try await store.cancel(receipt.jobs[0].id)
        clock.advance(by: .seconds(60))
        #expect(try await store.batch(id)?.jobs.map(\.id) == [receipt.jobs[1].id])
        #expect(try await store.submit(submission).jobs.map(\.id) == [receipt.jobs[1].id])
        _ = try await store.cancel(receipt.jobs[1].id)
        clock.advance(by: .seconds(60))
        #expect(try await store.batch(id) == nil)
        let second = try await store.submit(submission)
        #expect(second.origin == .new)
        _ = try await store.expire()
        #expect(try await store.batch(try #require(second.batch))?.jobs == second.jobs)
        #expect(try await store.submit(submission).batch == second.batch, "the key is that of the new batch")
    }

    @Test("a batch that does not fit is not taken in part", arguments: [StoreUnderTest.memory])
    func allOrNothing(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open(budget: 10_240)
        let jobs = (0..<4).map { _ in NewJob.sample(outputEstimate: 2_000) }
        await #expect(throws: JobStoreError.self) {
            try await store.submit(Submission(batch: jobs, key: Self.key("k")))
        }
        #expect(try await store.counts().total == 0)
        #expect(try await store.submit(Submission(batch: Array(jobs.prefix(3)), key: Self.key("k"))).origin == .new)
    }

    @Test("a job that has succeeded answers for an equal one, and no other does", arguments: StoreUnderTest.all)
    func reuse(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open(resultTTL: .seconds(60))
        var new = NewJob.sample()
        new.reuseKey = "same"
        #expect(try await store.submit(Submission(new)).origin == .new)
        #expect(try await store.submit(Submission(new)).origin == .new, "the first one is queued")
        for outcome in [JobOutcome.broken, .cancelled] {
            let claimed = try #require(try await store.claim(limit: 1).first)
            #expect(try await store.submit(Submission(new)).origin == .new, "one is running")
            _ = try await store.complete(claimed.token, with: outcome)
        }
        #expect(try await store.submit(Submission(new)).origin == .new, "one has failed, one was cancelled")
        let claimed = try #require(try await store.claim(limit: 1).first)
        let ended = try #require(try await store.complete(claimed.token, with: .done))
        let queued = try await store.counts().queued
        #expect(try await store.submit(Submission(new)) == Receipt(jobs: [ended], origin: .reused))
        #expect(try await store.submit(Submission(.sample())).origin == .new, "without the key")
        #expect(try await store.submit(Submission(batch: [new])).origin == .new, "in a batch")
        #expect(try await store.counts().queued == queued + 2)
        clock.advance(by: .seconds(60))
        #expect(try await store.submit(Submission(new)).origin == .new, "it has expired")
    }

    @Test("a job that was forgotten answers for no other", arguments: StoreUnderTest.all)
    func reuseAfterForget(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var new = NewJob.sample()
        new.reuseKey = "same"
        let claimed = try #require(try await store.insertAndClaim(new))
        _ = try await store.complete(claimed.token, with: .done)
        #expect(try await store.submit(Submission(new)).origin == .reused)
        #expect(try await store.forget(claimed.id))
        #expect(try await store.submit(Submission(new)).origin == .new)
    }

    @Test("all that was said of a job is kept", arguments: StoreUnderTest.all)
    func fields(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        var new = NewJob.sample(.low, parts: 7, subject: [0, 10, 255])
        new.name = "a\u{0}b\n'\"%_.npy"
        new.client = ""
        new.kind = "k\u{301}ind"
        new.deadline = .seconds(90)
        new.callback = "https://example.org/x?y=z"
        let job = try await store.insert(new)
        #expect(job.name == new.name && job.client == "" && job.kind == new.kind && job.priority == .low)
        #expect(job.subject.bytes == [0, 10, 255])
        #expect(job.deadline == clock.wall.later(by: .seconds(90)) && job.callback == new.callback)
        #expect(try await store.list(status: nil, limit: 1, before: nil) == [job])
        let claimed = try #require(try await store.claim(limit: 1).first)
        #expect(
            claimed.input == new.input && claimed.parts == 7 && claimed.subject == job.subject
                && claimed.kind == new.kind)
        guard let afterCrash = kind.afterCrash else { return }
        let next = try await afterCrash(store, MemoryJobStore.Settings(), clock, SeededRandom(seed: 2))
        var found = try #require(try await next.job(job.id))
        #expect(found.attempt == 1 && found.revision > job.revision)
        (found.attempt, found.revision) = (job.attempt, job.revision)
        if kind.isShared {
            // It is still in the hands of the one that may be there.
            #expect(found.status == .running)
            (found.status, found.startedAt, found.queuePosition) = (.queued, nil, 1)
        }
        #expect(found == job)
    }
}
