import Jobs
import Testing

/// What every store does. A store that passes can stand behind a `Backlog`.
@Suite("queue.md 16: every job store")
struct JobStoreConformance {
    @Test("keeps what was inserted", arguments: StoreUnderTest.all)
    func insertion(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let job = try await store.insert(.sample(.high, parts: 3))
        #expect(job.status == .queued && job.priority == .high && job.parts == 3 && job.partsDone == 0)
        #expect(job.model == "tiny" && job.kind == "sample" && job.subject.bytes == [0xab] && job.inputBytes == 16)
        #expect(job.createdAt == clock.wall && job.startedAt == nil && job.finishedAt == nil && job.attempt == 0)
        #expect(job.queuePosition == 1 && job.partsAhead == 3 && job.estimatedSeconds == nil)
        #expect(try await store.job(job.id) == job)
        #expect(try await store.output(job.id) == nil)
    }

    @Test("knows nothing of other jobs", arguments: StoreUnderTest.all)
    func unknown(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let (other, _) = try await kind.open(seed: 2)
        let stranger = try await other.insert(.sample()).id
        let kept = try await store.insert(.sample())
        #expect(try await store.job(stranger) == nil)
        #expect(try await store.output(stranger) == nil)
        #expect(try await store.cancel(stranger) == .unknown)
        #expect(try await store.forget(stranger) == false)
        #expect(try await store.list(status: nil, limit: 10, before: nil) == [kept])
    }

    @Test("is claimed by priority, then by age, each with a new token", arguments: StoreUnderTest.all)
    func claiming(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        var ids: [JobID] = []
        for priority: Priority in [.low, .normal, .high, .normal, .high, .low] {
            ids.append(try await store.insert(.sample(priority)).id)
        }
        clock.advance(by: .seconds(2))
        let first = try await store.claim(limit: 4)
        #expect(first.map(\.id) == [ids[2], ids[4], ids[1], ids[3]])
        #expect(first.allSatisfy { $0.attempt == 1 && $0.waited == .seconds(2) && $0.input.count == 16 })
        let second = try await store.claim(limit: 4)
        #expect(second.map(\.id) == [ids[0], ids[5]])
        #expect(Set((first + second).map(\.token)).count == 6)
        #expect(try await store.claim(limit: 4).isEmpty)
        let running = try await store.job(ids[2])
        #expect(running?.status == .running && running?.attempt == 1 && running?.startedAt == clock.wall)
    }

    @Test("places count the jobs and parts that go before", arguments: StoreUnderTest.all)
    func places(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        _ = try await store.insertAndClaim(.sample(parts: 10))
        let low = try await store.insert(.sample(.low, parts: 1)).id
        let normal = try await store.insert(.sample(.normal, parts: 2)).id
        let high = try await store.insert(.sample(.high, parts: 4)).id
        let jobs = [try await store.job(high), try await store.job(normal), try await store.job(low)]
        #expect(jobs.map { $0?.queuePosition } == [1, 2, 3])
        #expect(jobs.map { $0?.partsAhead } == [14, 16, 17])
    }

    @Test("takes the outcome of the holder, once", arguments: StoreUnderTest.all)
    func completion(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let claimed = try #require(try await store.insertAndClaim(.sample(parts: 2)))
        clock.advance(by: .seconds(3))
        let timings = JobTimings(queued: .seconds(1), scored: .seconds(2))
        let job = try await store.complete(claimed.token, with: .succeeded(.bytes(12)), timings: timings)
        #expect(job?.status == .succeeded && job?.finishedAt == clock.wall && job?.timings == timings)
        #expect(job?.outputBytes == 12 && job?.partsDone == 2 && job?.partsAhead == nil)
        #expect(try await store.complete(claimed.token, with: .broken) == nil)
        #expect(try await store.job(claimed.id) == job)
        #expect(try await store.output(claimed.id) == .bytes(12))
    }

    @Test("keeps the reason of a failure", arguments: StoreUnderTest.all)
    func failure(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let claimed = try #require(try await store.insertAndClaim())
        let job = try await store.complete(claimed.token, with: .broken)
        #expect(job?.status == .failed && job?.failure?.reason == "broken" && job?.outputBytes == nil)
        #expect(try await store.output(claimed.id) == nil)
    }

    @Test("drops what a stale holder says", arguments: StoreUnderTest.all)
    func staleToken(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let stale = try #require(try await store.insertAndClaim(.sample(parts: 5)))
        _ = try await store.release(stale.token, as: .lost)
        let queued = try await store.job(stale.id)
        #expect(try await store.complete(stale.token, with: .done) == nil)
        #expect(try await store.reportProgress(stale.token, partsDone: 3) == .lost)
        #expect(try await store.release(stale.token, as: .unspent) == nil)
        #expect(try await store.job(stale.id) == queued)

        let holder = try #require(try await store.claim(limit: 1).first)
        let running = try await store.job(stale.id)
        #expect(holder.id == stale.id && holder.attempt == 2 && holder.token != stale.token)
        #expect(try await store.complete(stale.token, with: .broken) == nil)
        #expect(try await store.release(stale.token, as: .lost) == nil)
        #expect(try await store.reportProgress(stale.token, partsDone: 3) == .lost)
        #expect(try await store.job(stale.id) == running)
        #expect(try await store.complete(holder.token, with: .done)?.status == .succeeded)
    }

    @Test("counts attempts at the claim, and fails a job that has used them up", arguments: StoreUnderTest.all)
    func attempts(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open(attempts: 3)
        let id = try await store.insert(.sample()).id
        for attempt in 1...3 {
            let claimed = try #require(try await store.claim(limit: 1).first)
            #expect(claimed.attempt == attempt)
            let job = try await store.release(claimed.token, as: .lost)
            #expect(job?.status == (attempt < 3 ? .queued : .failed))
        }
        #expect(try await store.claim(limit: 1).isEmpty)
        #expect(try await store.job(id)?.failure?.reason == "out-of-attempts")
    }

    @Test(
        "does not count an attempt that is given back unspent, and keeps the job's place", arguments: StoreUnderTest.all
    )
    func unspent(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open(attempts: 1)
        let claimed = try #require(try await store.insertAndClaim(.sample(parts: 4)))
        let younger = try await store.insert(.sample()).id
        _ = try await store.reportProgress(claimed.token, partsDone: 2)
        let job = try await store.release(claimed.token, as: .unspent)
        #expect(job?.status == .queued && job?.attempt == 0 && job?.partsDone == 0 && job?.startedAt == nil)
        #expect(try await store.claim(limit: 2).map(\.id) == [claimed.id, younger])
    }

    @Test("notes progress, which never goes back nor beyond the parts", arguments: StoreUnderTest.all)
    func progress(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let claimed = try #require(try await store.insertAndClaim(.sample(parts: 4)))
        for (report, expected) in [(1, 1), (3, 3), (2, 3), (-1, 3), (9, 4)] {
            #expect(try await store.reportProgress(claimed.token, partsDone: report) == .held)
            #expect(try await store.job(claimed.id)?.partsDone == expected)
        }
    }

    @Test("the revision grows with each visible change, and only then", arguments: StoreUnderTest.all)
    func revisions(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let id = try await store.insert(.sample(parts: 4)).id
        func revision() async throws -> Int { try await store.job(id)?.revision ?? 0 }
        var seen = [try await revision()]
        let claimed = try #require(try await store.claim(limit: 1).first)
        seen.append(try await revision())
        _ = try await store.reportProgress(claimed.token, partsDone: 1)
        seen.append(try await revision())
        _ = try await store.reportProgress(claimed.token, partsDone: 1)
        #expect(try await revision() == seen.last)
        _ = try await store.complete(claimed.token, with: .done)
        seen.append(try await revision())
        _ = try await store.output(id)
        #expect(try await revision() == seen.last)
        #expect(seen == seen.sorted() && Set(seen).count == seen.count)
    }
}
