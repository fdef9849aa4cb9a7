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

    /// A backlog of long jobs, each part of which takes one worker 10 ms.
    private func backlog(workers: Int, limits: Backlog.Limits = .init(), isKnown: Bool = true) -> Backlog {
        let backlog = Backlog(store: MemoryJobStore(), limits: limits, clock: ManualClock())
        backlog.attach(
            workers: workers, isSerial: { _ in true }, expected: { isKnown ? Double($0.parts) / 100 : nil }
        ) { _ in }
        // A rate of short ones says nothing of them.
        backlog.measure(parts: 1_000, workerTime: .milliseconds(1))
        return backlog
    }

    @Test(
        "a long job that waits counts what those that run still need, and the places that there are", arguments: [2, 3])
    func longOnes(workers: Int) async throws {
        let backlog = backlog(workers: workers)
        var jobs: [Job] = []
        for _ in 0..<4 { jobs.append(try await backlog.submit(.sample(parts: 4_000))) }
        #expect(
            jobs.map(\.estimatedSeconds) == (workers == 2 ? [40, 80, 120, 160] : [40, 40, 80, 80]),
            "none runs yet")
        let running = try await backlog.claim(ClaimLimit(jobs: 9, long: workers - 1))
        for job in running { backlog.note(JobStanding(partsDone: 1_000, secondsLeft: 90), of: job.id) }
        var waiting: [Double?] = []
        for job in jobs.dropFirst(running.count) { waiting.append(try await backlog.job(job.id)?.estimatedSeconds) }
        #expect(waiting == (workers == 2 ? [130, 170, 210] : [130, 130]))
        #expect(try await backlog.job(running[0].id)?.estimatedSeconds == 90)
        _ = try await backlog.complete(running[0].token, with: .done, timings: nil)
        #expect(try await backlog.job(jobs[running.count].id)?.estimatedSeconds == 40, "there is a place")
    }

    @Test("nothing is told of jobs of which nothing was learned, nor of those that wait for them")
    func unknown() async throws {
        let backlog = backlog(workers: 2, isKnown: false)
        let first = try await backlog.submit(.sample(parts: 4_000))
        #expect(first.estimatedSeconds == nil)
        #expect(try await backlog.claim(limit: 1).map(\.id) == [first.id])
        #expect(try await backlog.submit(.sample(parts: 4_000)).estimatedSeconds == nil)
        #expect(try await backlog.submit(.sample(parts: 40)).estimatedSeconds == nil)
        #expect(try await backlog.job(first.id)?.estimatedSeconds == nil)
    }

    @Test("Retry-After of a full share and of a full backlog is when a long job begins", arguments: [true, false])
    func retryAfterLong(isShare: Bool) async throws {
        var limits = Backlog.Limits(maxJobs: isShare ? 10 : 2)
        if isShare { limits.maxJobsPerClient = 2 }
        let backlog = backlog(workers: 2, limits: limits)
        let first = try await backlog.submit(.sample(parts: 4_000))
        let running = try #require(try await backlog.claim(limit: 1).first)
        for _ in 0..<2 { _ = try await backlog.submit(.sample(parts: 4_000)) }
        #expect(
            backlog.admission(client: first.client) == .full(retryAfterSeconds: 40), "all of one that has just begun")
        backlog.note(JobStanding(partsDone: 1_000, secondsLeft: 90), of: running.id)
        #expect(backlog.admission(client: first.client) == .full(retryAfterSeconds: 90))
        guard isShare else { return }
        var other = NewJob.sample(parts: 4_000)
        other.client = "other"
        _ = try await backlog.submit(other)
        #expect(backlog.admission(client: first.client) == .full(retryAfterSeconds: 130), "others have their turns")
    }

    @Test("beside long jobs the short ones leave first")
    func retryAfterMixed() async throws {
        let backlog = Backlog(store: MemoryJobStore(), limits: .init(maxJobs: 2), clock: ManualClock())
        backlog.measure(parts: 1, workerTime: .seconds(3))
        _ = try await backlog.submit(.sample(parts: 4_000))
        _ = try await backlog.submit(.sample(parts: 2))
        #expect(backlog.admission() == .full(retryAfterSeconds: 6))
    }
}
