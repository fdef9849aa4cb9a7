import Testing

@testable import Jobs

@Suite("Estimates come from what was measured")
struct EstimateTests {
    @Test("no rate, no estimate")
    func nothingMeasured() async throws {
        let backlog = Backlog(store: MemoryJobStore(), clock: ManualClock())
        #expect(try await backlog.submit(.sample()).estimatedSeconds == nil)
        #expect(backlog.metrics.secondsPerPart == nil)
    }

    @Test("a job's seconds are the parts until its end, over the workers' rate")
    func estimatedSeconds() async throws {
        let backlog = Backlog(store: MemoryJobStore(), clock: ManualClock())
        backlog.attach(workers: 2) { _ in }
        backlog.measure(parts: 10, workerTime: .seconds(5))
        let first = try await backlog.submit(.sample(parts: 6))
        let second = try await backlog.submit(.sample(parts: 2))
        #expect(first.estimatedSeconds == 1.5 && second.estimatedSeconds == 2)
        #expect(try await backlog.list(limit: 2).map(\.estimatedSeconds) == [2, 1.5])
    }

    @Test("nothing ends sooner than one part takes")
    func atLeastOnePart() async throws {
        let backlog = Backlog(store: MemoryJobStore(), clock: ManualClock())
        backlog.attach(workers: 8) { _ in }
        backlog.measure(parts: 1, workerTime: .seconds(3))
        #expect(try await backlog.submit(.sample()).estimatedSeconds == 3)
    }

    @Test("a part that others helped with takes as long as it took, and all workers' time of the others")
    func helped() async throws {
        let backlog = Backlog(store: MemoryJobStore(), clock: ManualClock())
        backlog.attach(workers: 2) { _ in }
        backlog.measure(parts: 1, workerTime: .seconds(3), helpTime: .seconds(2))
        #expect(try await backlog.submit(.sample()).estimatedSeconds == 3)
        #expect(try await backlog.submit(.sample(parts: 3)).estimatedSeconds == 10)
        #expect(backlog.metrics.secondsPerPart == 5)
    }

    @Test("Retry-After is the time until a job of that size fits")
    func retryAfter() async throws {
        let backlog = Backlog(
            store: MemoryJobStore(), limits: .init(maxJobs: 4, maxBytes: 1_000), clock: ManualClock())
        backlog.measure(parts: 1, workerTime: .seconds(3))
        for _ in 0..<4 { _ = try await backlog.submit(.sample(parts: 2, words: 50)) }
        #expect(backlog.admission() == .full(retryAfterSeconds: 6), "one job of two parts has to go")
        #expect(backlog.admission(bytes: 700) == .full(retryAfterSeconds: 18), "three have to go")
        _ = try await backlog.claim(limit: 1)
        #expect(backlog.admission() == .open)
    }

    @Test("the rate follows what was measured last")
    func fading() throws {
        var rate = PartRate()
        for _ in 0..<200 { rate.record(parts: 1, workerTime: .seconds(1)) }
        for _ in 0..<400 { rate.record(parts: 1, workerTime: .seconds(2)) }
        let seconds = try #require(rate.secondsPerPart)
        #expect(abs(seconds - 2) < 0.01)
    }

    @Test("a cancelled or claimed job leaves the ledger as it came")
    func ledgerBalance() async throws {
        let backlog = Backlog(store: MemoryJobStore(), clock: ManualClock())
        let job = try await backlog.submit(.sample(parts: 3))
        _ = try await backlog.submit(.sample(parts: 5))
        _ = try await backlog.cancel(job.id)
        let claimed = try await backlog.claim(limit: 5)
        #expect(backlog.metrics.queuedJobs == 0 && backlog.metrics.queuedBytes == 0 && backlog.metrics.queuedParts == 0)
        for job in claimed { try await backlog.release(job.token, as: .unspent) }
        #expect(backlog.metrics.queuedJobs == 1 && backlog.metrics.queuedParts == 5)
    }
}
