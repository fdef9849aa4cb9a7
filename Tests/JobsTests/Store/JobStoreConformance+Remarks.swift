import Jobs
import Platform
import TestSupport
import Testing

extension JobStoreConformance {
    private func ended(_ store: any JobStore) async throws -> JobID {
        let claimed = try #require(try await store.insertAndClaim())
        _ = try await store.complete(claimed.token, with: .done)
        return claimed.id
    }

    @Test("remarks are kept beside a job that has ended, as they came, and counted", arguments: StoreUnderTest.all)
    func remarks(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let (id, other) = (try await ended(store), try await ended(store))
        #expect(try await store.remarks(id) == nil)
        #expect(try await store.remark(id, [0, 255], over: 0) == .kept(JobRemarks([0, 255], revision: 1)))
        #expect(try await store.remarks(id) == JobRemarks([0, 255], revision: 1))
        #expect(try await store.remark(id, [], over: 1) == .kept(JobRemarks([], revision: 2)))
        #expect(try await store.remarks(id) == JobRemarks([], revision: 2))
        #expect(try await store.remarks(other) == nil)
        let large = [UInt8](repeating: 9, count: JobRemarks.mostBytes)
        #expect(try await store.remark(other, large, over: 0) == .kept(JobRemarks(large)))
        #expect(try await store.remarks(other)?.bytes == large)
    }

    @Test("of two who saw the same remarks one replaces them", arguments: StoreUnderTest.all)
    func remarksOfTwo(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        let id = try await ended(store)
        #expect(try await store.remark(id, [1], over: 1) == .changed(nil))
        #expect(try await store.remark(id, [1], over: 0) == .kept(JobRemarks([1])))
        for revision in [0, 2, -1] {
            #expect(try await store.remark(id, [2], over: revision) == .changed(JobRemarks([1])))
        }
        let outcomes = try await withThrowingTaskGroup(of: RemarkOutcome.self) { group in
            for byte in UInt8(2)...9 { group.addTask { try await store.remark(id, [byte], over: 1) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let kept = outcomes.compactMap { outcome in if case .kept(let remarks) = outcome { remarks } else { nil } }
        #expect(kept.count == 1 && kept.first?.revision == 2)
        #expect(try await store.remarks(id) == kept.first)
    }

    @Test(
        "there are none of a job that has not ended, is unknown, was forgotten or has expired",
        arguments: StoreUnderTest.all)
    func remarksOfNoJob(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open(resultTTL: .seconds(60))
        let queued = try await store.insert(.sample()).id
        #expect(try await store.remark(queued, [1], over: 0) == .unknown)
        let claimed = try #require(try await store.claim(limit: 1).first)
        #expect(try await store.remark(queued, [1], over: 0) == .unknown)
        _ = try await store.complete(claimed.token, with: .broken)
        #expect(try await store.remark(queued, [1], over: 0) == .kept(JobRemarks([1])))
        #expect(try await store.forget(queued))
        #expect(try await store.remarks(queued) == nil)
        #expect(try await store.remark(queued, [1], over: 0) == .unknown)
        let late = try await ended(store)
        _ = try await store.remark(late, [1], over: 0)
        clock.advance(by: .seconds(61))
        #expect(try await store.remarks(late) == nil)
        #expect(try await store.remark(late, [2], over: 1) == .unknown)
        _ = try await store.expire()
        #expect(try await store.remarks(late) == nil)
    }

    @Test("they are still there after a crash", arguments: StoreUnderTest.all.filter { $0.afterCrash != nil })
    func remarksAfterCrash(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let id = try await ended(store)
        _ = try await store.remark(id, [1, 2], over: 0)
        let reopen = try #require(kind.afterCrash)
        let again = try await reopen(store, .init(), clock, SeededRandom(seed: 2))
        #expect(try await again.remarks(id) == JobRemarks([1, 2]))
        #expect(try await again.remark(id, [3], over: 1) == .kept(JobRemarks([3], revision: 2)))
    }

    @Test("in memory all of them together take an eighth of what results may")
    func remarksInMemory() async throws {
        let (store, _) = try await StoreUnderTest.memory.open(budget: 80_000)
        let (id, other) = (try await ended(store), try await ended(store))
        _ = try await store.remark(id, [UInt8](repeating: 1, count: 9_000), over: 0)
        await #expect(throws: JobStoreError.full(neededBytes: 1_001, heldBytes: 9_000, limitBytes: 10_000)) {
            try await store.remark(other, [UInt8](repeating: 1, count: 1_001), over: 0)
        }
        // What they replace does not count.
        _ = try await store.remark(id, [UInt8](repeating: 1, count: 10_000), over: 1)
        #expect(try await store.forget(id))
        _ = try await store.remark(other, [UInt8](repeating: 1, count: 10_000), over: 0)
        #expect(try await store.remarks(other)?.revision == 1)
    }
}
