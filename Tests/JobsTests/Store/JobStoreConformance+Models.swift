import TestSupport
import Testing

@testable import Jobs

/// What every store makes of jobs whose model is not served.
extension JobStoreConformance {
    private static let served = ServedModels(["aa": "tiny"])

    @Test("a job keeps the digest of its model, and whoever claims it gets it", arguments: StoreUnderTest.all)
    func digest(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let job = try await store.insert(.sample(of: "aa"))
        #expect(job.modelSHA256 == "aa" && !job.isModelMissing)
        #expect(try await store.claim(limit: 1).map(\.model) == [ModelID(name: "tiny", sha256: "aa")])
        #expect(try await store.job(job.id)?.modelSHA256 == "aa")
    }

    @Test("jobs of other models are passed over, have no place, and hold up nobody", arguments: StoreUnderTest.all)
    func passedOver(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var ids: [String: [JobID]] = [:]
        for (digest, priority) in [
            ("bb", Priority.high), ("aa", .normal), ("bb", .normal), ("cc", .low), ("aa", .high),
        ] {
            ids[digest, default: []].append(try await store.insert(.sample(priority, of: digest)).id)
        }
        let change = try await store.serve(Self.served, missing: .wait)
        #expect(change.left == ["somebody": load(jobs: 3)] && change.arrived.isEmpty)
        #expect(change.missing.map(\.jobs) == [2, 1] && change.missing.map(\.model.sha256) == ["bb", "cc"])
        #expect(try await store.waitingJobs() == change.missing)
        let late = try await store.insert(.sample(of: "aa"))
        #expect(late.queuePosition == 3)
        for id in ["bb", "cc"].flatMap({ ids[$0] ?? [] }) {
            let job = try await store.job(id)
            #expect(job?.isModelMissing == true && job?.status == .queued)
            #expect(job?.queuePosition == nil && job?.partsAhead == nil)
        }
        let counts = try await store.counts()
        #expect(counts.queued == 6 && counts.queuedParts == 6 && counts.queuedByClient["somebody"]?.jobs == 3)
        let own = try #require(ids["aa"])
        #expect(try await store.claim(limit: 9).map(\.id) == [own[1], own[0], late.id])
        #expect(try await store.claim(limit: 9).isEmpty)
        let next = try await store.serve(ServedModels(["bb": "tiny", "aa": "tiny"]), missing: .wait)
        #expect(next.arrived == ["somebody": load(jobs: 2)] && next.left.isEmpty)
        #expect(try await store.claim(limit: 9).map(\.id) == ids["bb"])
        #expect(try await store.waitingJobs().map(\.model.sha256) == ["cc"])
    }

    @Test("jobs of a kind that nobody can do wait, and fail no more than others do", arguments: StoreUnderTest.all)
    func kinds(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var other = NewJob.sample(of: "aa")
        other.kind = "other"
        let ids = [try await store.insert(other).id, try await store.insert(.sample(of: "aa")).id]
        for missing in [MissingModel.wait, .fail] {
            let change = try await store.serve(Self.served.without(kind: "other"), missing: missing)
            #expect(change.missing.map(\.jobs) == [1] && change.missing.map(\.kind) == ["other"])
            #expect(try await store.job(ids[0])?.isModelMissing == true)
            #expect(try await store.expire().overdue.isEmpty)
        }
        let late = try await store.insert(other).id
        #expect(try await store.claim(limit: 9).map(\.id) == [ids[1]])
        let change = try await store.serve(Self.served, missing: .wait)
        #expect(change.arrived["somebody"]?.jobs == 2 && change.missing.isEmpty)
        #expect(try await store.claim(limit: 9).map(\.id) == [ids[0], late])
        _ = try await store.insert(other)
        #expect(try await store.serve(ServedModels.every.without(kind: "other"), missing: .wait).missing.count == 1)
        #expect(try await store.claim(limit: 9).isEmpty)
    }

    @Test(
        "others are claimed beside jobs that one worker does most of, wherever these stand",
        arguments: StoreUnderTest.all)
    func serialKinds(kind: StoreUnderTest) async throws {
        var settings = MemoryJobStore.Settings()
        settings.serialKinds = ["serial"]
        let store = try await kind.make(settings, ManualClock(), SeededRandom(seed: 3))
        func insert(_ count: Int, parts: Int, kind: String) async throws -> [JobID] {
            var ids: [JobID] = []
            for _ in 0..<count {
                var new = NewJob.sample(parts: parts)
                new.kind = kind
                ids.append(try await store.insert(new).id)
            }
            return ids
        }
        let serial = try await insert(3, parts: 1, kind: "serial")
        let long = try await insert(2, parts: 5_000, kind: "serial")
        let short = try await insert(2, parts: 1, kind: "other")
        let shown = try await store.job(short[0])
        #expect(shown?.queuePosition == 1 && shown?.partsAhead == 1)
        let first = try await store.claim(ClaimLimit(jobs: 9, parts: 9, long: 1, serial: 3))
        #expect(first.map(\.id) == [long[0], serial[0], serial[1]] + short)
        #expect(try await store.claim(ClaimLimit(jobs: 9, long: 0, serial: 0)).isEmpty)
        #expect(try await store.claim(ClaimLimit(jobs: 9, long: 0, serial: 3)).map(\.id) == [serial[2]])
        #expect(try await store.claim(ClaimLimit(jobs: 9)).map(\.id) == [long[1]])
    }

    private func load(jobs: Int) -> JobCounts.Load {
        var load = JobCounts.Load()
        for _ in 0..<jobs { load.add(bytes: NewJob.sample().input.count, parts: 1) }
        return load
    }

    @Test("the same model under another name is the same model", arguments: StoreUnderTest.all)
    func otherName(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        _ = try await store.serve(ServedModels(["aa": "large"]), missing: .wait)
        let id = try await store.insert(.sample(of: "aa")).id
        #expect(try await store.claim(limit: 1).map(\.id) == [id])
    }

    @Test(
        "what waits for its model can be cancelled, and is too late when its time has come",
        arguments: StoreUnderTest.all)
    func endsOfWaiting(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        _ = try await store.serve(Self.served, missing: .wait)
        var new = NewJob.sample(of: "bb")
        let first = try await store.insert(new)
        #expect(first.isModelMissing && first.queuePosition == nil)
        new.deadline = .seconds(60)
        let second = try await store.insert(new).id
        guard case .cancelled(let job) = try await store.cancel(first.id) else {
            Issue.record("it was not cancelled")
            return
        }
        #expect(job.status == .cancelled && job.isModelMissing)
        clock.advance(by: .seconds(60))
        let late = try await store.expire().overdue
        #expect(late.map(\.id) == [second] && late.map(\.failure) == [.deadlinePassed] && late[0].isModelMissing)
        #expect(try await store.waitingJobs().isEmpty)
        #expect(try await store.serve(ServedModels(["bb": "tiny"]), missing: .wait) == ServedChange())
    }

    @Test("a job that comes back when its model has gone waits for it, in its old place", arguments: StoreUnderTest.all)
    func releasedWithoutModel(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let claimed = try #require(try await store.insertAndClaim(.sample(of: "bb")))
        _ = try await store.serve(Self.served, missing: .wait)
        #expect(try await store.reportProgress(claimed.token, partsDone: 1) == .held, "what runs goes on")
        let younger = try await store.insert(.sample(of: "bb")).id
        #expect(try await store.release(claimed.token, as: .unspent)?.isModelMissing == true)
        #expect(try await store.claim(limit: 9).isEmpty)
        _ = try await store.serve(ServedModels(["bb": "tiny"]), missing: .wait)
        #expect(try await store.claim(limit: 9).map(\.id) == [claimed.id, younger])
    }

    @Test("where they are not to wait they fail, and the reason names both models", arguments: StoreUnderTest.all)
    func failing(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var new = NewJob.sample(of: "bb")
        new.callback = "https://example.org/hook"
        let old = try await store.insert(new).id
        let claimed = try #require(try await store.claim(limit: 1).first)
        let second = try await store.insert(.sample(of: "bb")).id
        let own = try await store.insert(.sample(of: "aa")).id
        let change = try await store.serve(Self.served, missing: .fail)
        #expect(change.missing.map(\.jobs) == [1])
        #expect(try await store.expire().overdue.map(\.id) == [second])
        _ = try await store.release(claimed.token, as: .lost)
        let third = try await store.insert(.sample(of: "bb")).id
        #expect(try await Set(store.expire().overdue.map(\.id)) == [old, third])
        for id in [old, second, third] {
            let job = try #require(try await store.job(id))
            #expect(job.status == .failed && job.failure?.reason == "other-model")
            #expect(job.failure?.detail.contains("aa") == true && job.failure?.detail.contains("bb") == true)
        }
        #expect(try await store.takeCallbacks(limit: 9).map(\.job.id) == [old])
        #expect(try await store.claim(limit: 9).map(\.id) == [own])
    }

    @Test(
        "a job of unknown digest is that of the first served model of its name, for good", arguments: StoreUnderTest.all
    )
    func unknownDigest(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let early = try await store.insert(.sample())
        #expect(early.modelSHA256 == nil && early.queuePosition == 1, "as long as nobody says which models there are")
        _ = try await store.serve(ServedModels(["dd": "other"]), missing: .wait)
        #expect(try await store.job(early.id)?.isModelMissing == true)
        #expect(try await store.waitingJobs().map(\.model) == [ModelID(name: "tiny", sha256: nil)])
        let change = try await store.serve(Self.served, missing: .wait)
        #expect(change.arrived.values.map(\.jobs) == [1])
        let adopted = try #require(try await store.job(early.id))
        #expect(adopted.modelSHA256 == "aa" && adopted.queuePosition == 1 && adopted.revision > early.revision)
        let late = try await store.insert(.sample())
        #expect(late.modelSHA256 == "aa")
        _ = try await store.serve(ServedModels(["bb": "tiny"]), missing: .wait)
        #expect(try await store.claim(limit: 9).isEmpty)
        #expect(try await store.waitingJobs().map(\.jobs) == [2])
    }

    @Test(
        "what was begun by a model is that model's after a crash",
        arguments: StoreUnderTest.ownedByProcess)
    func modelAfterCrash(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        _ = try await store.insert(.sample(of: "aa"))
        let old = try await store.insert(.sample()).id
        _ = try await store.serve(Self.served, missing: .wait)
        let begun = try await store.claim(limit: 9).map(\.id)
        #expect(begun.count == 2)
        let next = try #require(try await kind.afterCrash?(store, .init(), clock, SeededRandom(seed: 2)))
        _ = try await next.serve(ServedModels(["bb": "tiny"]), missing: .wait)
        #expect(try await next.job(old)?.modelSHA256 == "aa")
        #expect(try await next.claim(limit: 9).isEmpty)
        _ = try await next.serve(Self.served, missing: .wait)
        #expect(try await next.claim(limit: 1).map(\.id) == Array(begun.prefix(1)))
    }

    @Test("a thousand that wait cost the claims of others nothing but the change", arguments: StoreUnderTest.all)
    func manyWaiting(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var others = NewJob.sample(.high, of: "bb")
        others.client = "a"
        _ = try await store.submit(Submission(batch: [NewJob](repeating: others, count: 1_000)))
        let ids = try await [store.insert(.sample(of: "aa")).id, store.insert(.sample(.low, of: "aa")).id]
        let change = try await store.serve(Self.served, missing: .wait)
        #expect(change.left.mapValues(\.jobs) == ["a": 1_000])
        #expect(try await store.job(ids[1])?.queuePosition == 2)
        #expect(try await store.claim(limit: 9).map(\.id) == ids)
    }
}
