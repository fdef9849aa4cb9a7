import Jobs
import Testing

/// A record is billed 1,024 bytes beside its output, so a budget of 10,240 has room for five outputs of 1,024.
@Suite("The budget of a store for results")
struct ResultBudgetTests {
    @Test("gives up fetched outputs first, the oldest first", arguments: [StoreUnderTest.memory])
    func fetchedFirst(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open(budget: 10_240)
        let ids = try await fill(store, jobs: 5)
        for id in [ids[3], ids[1]] { _ = try await store.output(id) }
        #expect(try await store.counts().succeeded == 5, "what fits is kept")
        _ = try await finishOne(store)
        #expect(try await store.job(ids[1]) == nil)
        #expect(try await store.job(ids[3]) != nil)
        _ = try await finishOne(store)
        #expect(try await store.job(ids[3]) == nil)
        for id in [ids[0], ids[2], ids[4]] { #expect(try await store.job(id) != nil) }
    }

    @Test("refuses a job rather than give up an output that nobody has fetched", arguments: [StoreUnderTest.memory])
    func unfetchedStay(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open(resultTTL: .seconds(60), budget: 10_240)
        let ids = try await fill(store, jobs: 5)
        await #expect(throws: JobStoreError.full(neededBytes: 2_048, heldBytes: 10_240, limitBytes: 10_240)) {
            try await store.insert(.sample(outputEstimate: 1_024))
        }
        for id in ids { #expect(try await store.job(id)?.status == .succeeded) }
        _ = try await store.output(ids[0])
        _ = try await store.insert(.sample(outputEstimate: 1_024))
        await #expect(throws: JobStoreError.self) { try await store.insert(.sample(outputEstimate: 1_024)) }
        clock.advance(by: .seconds(60))
        _ = try await store.insert(.sample(outputEstimate: 1_024))
    }

    @Test("keeps room for the jobs that were accepted", arguments: [StoreUnderTest.memory])
    func promised(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open(budget: 10_240)
        for _ in 0..<2 { _ = try await store.insert(.sample(outputEstimate: 4_096)) }
        await #expect(throws: JobStoreError.full(neededBytes: 1_024, heldBytes: 10_240, limitBytes: 10_240)) {
            try await store.insert(.sample())
        }
        await #expect(throws: JobStoreError.self) { try await store.insert(.sample(outputEstimate: .max)) }
        let claimed = try #require(try await store.claim(limit: 1).first)
        _ = try await store.complete(claimed.token, with: .succeeded(.bytes(8)))
        _ = try await store.insert(.sample())
    }

    @Test(
        "many small ends are bounded too: failed and cancelled jobs go before unfetched outputs",
        arguments: [StoreUnderTest.memory])
    func smallEnds(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open(budget: 10_240)
        let kept = try await finishOne(store)
        for turn in 0..<200 {
            let claimed = try #require(try await store.insertAndClaim())
            if turn % 2 == 0 { _ = try await store.cancel(claimed.id) }
            _ = try await store.complete(claimed.token, with: .broken)
        }
        let counts = try await store.counts()
        #expect(counts.endedBytes <= 10_240 && counts.total <= 9)
        #expect(try await store.job(kept)?.status == .succeeded)
    }

    @Test("gives up last what a place is still to be told of", arguments: [StoreUnderTest.memory])
    func awaitedLast(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open(budget: 10_240)
        let awaited = try await finishOne(store, alerts: ["webhook"])
        let ids = [awaited] + (try await fill(store, jobs: 4))
        for id in ids { _ = try await store.output(id) }
        _ = try await finishOne(store)
        #expect(try await store.job(ids[1]) == nil, "the oldest that nobody is to be told of")
        #expect(try await store.job(awaited) != nil)
        for _ in 0..<4 { _ = try await finishOne(store) }
        #expect(try await store.job(awaited) == nil, "where there is nothing else, the budget holds")
    }

    private func fill(_ store: any JobStore, jobs: Int) async throws -> [JobID] {
        var ids: [JobID] = []
        for _ in 0..<jobs { ids.append(try await finishOne(store)) }
        return ids
    }

    private func finishOne(_ store: any JobStore, alerts: [String] = []) async throws -> JobID {
        var new = NewJob.sample()
        new.alerts = alerts
        let claimed = try #require(try await store.insertAndClaim(new))
        _ = try await store.complete(claimed.token, with: .succeeded(.bytes(1_024)))
        return claimed.id
    }
}
