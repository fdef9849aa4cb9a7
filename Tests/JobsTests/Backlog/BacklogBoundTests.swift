import Testing

@testable import Jobs

@Suite("The backlog is bounded", .timeLimit(.minutes(10)))
struct BacklogBoundTests {
    @Test("200 submitters at once: each is accepted or refused, and never is more queued than may be")
    func concurrentSubmitters() async throws {
        let store = MemoryJobStore(clock: ManualClock())
        let backlog = Backlog(store: store, limits: .init(maxJobs: 50, maxBytes: 1 << 20), clock: ManualClock())
        let outcomes = try await withThrowingTaskGroup(of: (accepted: Bool, queued: Int).self) { group in
            for _ in 0..<200 {
                group.addTask {
                    let accepted = (try? await backlog.submit(.sample())) != nil
                    return (accepted, try await store.counts().queued)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0.accepted } == 50)
        #expect(outcomes.allSatisfy { $0.queued <= 50 })
        #expect(backlog.metrics.accepted == 50 && backlog.metrics.refused == 150)
        #expect(backlog.metrics.queuedJobs == 50 && backlog.metrics.reservedJobs == 0)
    }

    @Test("200 submitters, three that claim and two that cancel: the bound holds and the books balance")
    func withClaims() async throws {
        let store = MemoryJobStore(clock: ManualClock())
        let backlog = Backlog(store: store, limits: .init(maxJobs: 20), clock: ManualClock())
        let most = try await withThrowingTaskGroup(of: Int.self) { group in
            for submitter in 0..<200 {
                group.addTask {
                    for _ in 0..<5 {
                        let job = try? await backlog.submit(.sample())
                        if let job, submitter % 10 == 0 { _ = try await backlog.cancel(job.id) }
                    }
                    return try await store.counts().queued
                }
            }
            for _ in 0..<3 {
                group.addTask {
                    for _ in 0..<50 {
                        for job in try await backlog.claim(limit: 2) {
                            try await backlog.complete(job.token, with: .done, timings: nil)
                        }
                    }
                    return try await store.counts().queued
                }
            }
            return try await group.reduce(0, max)
        }
        #expect(most <= 20)
        let (metrics, counts) = (backlog.metrics, try await store.counts())
        #expect(metrics.accepted + metrics.refused == 1_000)
        #expect(metrics.accepted == counts.total)
        #expect(metrics.queuedJobs == counts.queued && metrics.queuedBytes == counts.queuedBytes)
        #expect(metrics.succeeded == counts.succeeded && metrics.cancelled == counts.cancelled)
    }

    @Test("bytes are bounded as jobs are; a job larger than the bound is refused for good")
    func bytes() async throws {
        let backlog = Backlog(
            store: MemoryJobStore(), limits: .init(maxJobs: 10, maxBytes: 100), clock: ManualClock())
        _ = try await backlog.submit(.sample(words: 20))
        #expect(backlog.admission(bytes: 20) == .open)
        #expect(backlog.admission(bytes: 21) == .full(retryAfterSeconds: 1))
        await #expect(throws: SubmitError.bytesFull(retryAfterSeconds: 1)) {
            try await backlog.submit(.sample(words: 6))
        }
        await #expect(throws: SubmitError.tooLarge(bytes: 104, limitBytes: 100)) {
            try await backlog.submit(.sample(words: 26))
        }
        _ = try await backlog.submit(.sample(words: 5))
        #expect(backlog.metrics.queuedBytes == 100)
    }

    @Test("uploads in flight hold their places, and give them back when they break off")
    func reservations() async throws {
        let backlog = Backlog(store: MemoryJobStore(), limits: .init(maxJobs: 2), clock: ManualClock())
        let first = try backlog.reserve()
        var second: Reservation? = try backlog.reserve()
        #expect(second != nil)
        #expect(backlog.admission() == .full(retryAfterSeconds: 1))
        #expect(throws: SubmitError.backlogFull(retryAfterSeconds: 1)) { try backlog.reserve() }
        await #expect(throws: SubmitError.self) { try await backlog.submit(.sample()) }
        second = nil
        #expect(backlog.admission() == .open)
        _ = try await backlog.submit(.sample())
        _ = try await backlog.submit(.sample(), using: first)
        first.cancel()
        #expect(backlog.metrics.queuedJobs == 2 && backlog.metrics.reservedJobs == 0)
    }

    @Test("a reservation grows with its upload, within the limit")
    func growth() throws {
        let backlog = Backlog(
            store: MemoryJobStore(), limits: .init(maxJobs: 10, maxBytes: 100), clock: ManualClock())
        let first = try backlog.reserve(bytes: 10)
        let second = try backlog.reserve(bytes: 40)
        try first.grow(toBytes: 60)
        try first.grow(toBytes: 5)
        #expect(backlog.metrics.reservedBytes == 100)
        #expect(throws: SubmitError.bytesFull(retryAfterSeconds: 1)) { try second.grow(toBytes: 41) }
        #expect(backlog.metrics.reservedBytes == 60 && backlog.metrics.reservedJobs == 1)
        #expect(throws: SubmitError.tooLarge(bytes: 101, limitBytes: 100)) { try first.grow(toBytes: 101) }
        #expect(backlog.metrics.reservedBytes == 0 && backlog.metrics.reservedJobs == 0)
        try first.grow(toBytes: 50)
        #expect(backlog.metrics.reservedBytes == 0, "a lost place does not come back")
    }

    @Test("a store that refuses leaves the books as they were")
    func storeFull() async throws {
        let store = MemoryJobStore(settings: .init(resultBudgetBytes: 100))
        let backlog = Backlog(store: store, clock: ManualClock())
        await #expect(throws: SubmitError.self) { try await backlog.submit(.sample()) }
        #expect(backlog.metrics.queuedJobs == 0 && backlog.metrics.queuedParts == 0)
        #expect(backlog.metrics.accepted == 0 && backlog.metrics.refused == 1)
    }

    @Test("a draining backlog refuses what is new, and takes what it had promised a place")
    func draining() async throws {
        let backlog = Backlog(store: MemoryJobStore(), clock: ManualClock())
        let inFlight = try backlog.reserve()
        backlog.stopAccepting()
        #expect(backlog.admission() == .draining)
        await #expect(throws: SubmitError.draining) { try await backlog.submit(.sample()) }
        #expect(throws: SubmitError.draining) { try backlog.reserve() }
        _ = try await backlog.submit(.sample(), using: inFlight)
        #expect(backlog.metrics.queuedJobs == 1)
    }

    @Test("what a store held before is counted in")
    func resume() async throws {
        let store = MemoryJobStore()
        for _ in 0..<3 { _ = try await store.insert(.sample(parts: 2)) }
        let backlog = Backlog(store: store, limits: .init(maxJobs: 3), clock: ManualClock())
        try await backlog.resume()
        #expect(backlog.metrics.queuedJobs == 3 && backlog.metrics.queuedParts == 6)
        #expect(backlog.admission() == .full(retryAfterSeconds: 1))
    }
}
