import TestSupport
import Testing

@testable import Jobs

/// What every store makes of claims whose holders are gone.
extension JobStoreConformance {
    @Test(
        "a claim that nobody renews runs out: the job is queued again, and has had an attempt",
        arguments: StoreUnderTest.all)
    func lapse(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open(attempts: 2)
        let stranded = try #require(try await store.insertAndClaim())
        clock.advance(by: .seconds(59))
        _ = try await store.expire()
        #expect(try await store.job(stranded.id)?.status == .running)
        clock.advance(by: .seconds(1))
        _ = try await store.expire()
        let queued = try await store.job(stranded.id)
        #expect(queued?.status == .queued && queued?.attempt == 1 && queued?.queuePosition == 1)
        #expect(try await store.claim(limit: 9).map(\.attempt) == [2])
        clock.advance(by: .seconds(60))
        _ = try await store.expire()
        let failed = try await store.job(stranded.id)
        #expect(failed?.status == .failed && failed?.failure?.reason == "out-of-attempts")
    }

    @Test(
        "a suspect whose holder is gone holds the others up no longer than its lease",
        arguments: [StoreUnderTest.sqlite])
    func strandedSuspect(kind: StoreUnderTest) async throws {
        let afterCrash = try #require(kind.afterCrash)
        let (first, clock) = try await kind.open()
        let id = try #require(try await first.insertAndClaim()).id
        let others = [try await first.insert(.sample()).id, try await first.insert(.sample()).id]
        let store = try await afterCrash(first, .init(), clock, SeededRandom(seed: 9))
        #expect(try await store.claim(limit: 9).map(\.id) == [id])
        #expect(try await store.claim(limit: 9).isEmpty)
        for attempt in 3...3 {
            clock.advance(by: .seconds(60))
            _ = try await store.expire()
            #expect(try await store.claim(limit: 9).map(\.attempt) == [attempt])
        }
        clock.advance(by: .seconds(60))
        _ = try await store.expire()
        #expect(try await store.job(id)?.failure?.reason == "out-of-attempts")
        #expect(try await store.claim(limit: 9).map(\.id) == others)
    }
}
