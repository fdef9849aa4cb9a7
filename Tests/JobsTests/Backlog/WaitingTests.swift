import Testing

@testable import Jobs

@Suite("Waiting for a job's end", .timeLimit(.minutes(10)))
struct WaitingTests {
    private let clock: ManualClock
    private let backlog: Backlog

    init() {
        clock = ManualClock()
        backlog = Backlog(store: MemoryJobStore(clock: clock), limits: .init(maxJobs: 10_000), clock: clock)
    }

    @Test("nobody waits for an unknown job")
    func unknown() async throws {
        let id = JobID(milliseconds: 1, randomHigh: 1, randomLow: 1)
        #expect(try await backlog.waitForEnd(id, timeout: .seconds(9)) == nil)
        #expect(backlog.metrics.waiters == 0)
    }

    @Test("nobody waits for a job that has ended, nor for no time")
    func atOnce() async throws {
        let job = try await backlog.submit(.sample())
        #expect(try await backlog.waitForEnd(job.id, timeout: .zero)?.status == .queued)
        _ = try await backlog.cancel(job.id)
        #expect(try await backlog.waitForEnd(job.id, timeout: .seconds(9))?.status == .cancelled)
        #expect(clock.sleepers == 0)
    }

    @Test("2,000 waiters learn of the end, and leave nothing behind")
    func manyWaiters() async throws {
        let job = try await backlog.submit(.sample())
        let waiting = (0..<2_000).map { _ in
            Task { [backlog] in try await backlog.waitForEnd(job.id, timeout: .seconds(30)) }
        }
        await backlog.waitForSleepingWatchers(2_000)
        await clock.waitForSleepers(1)
        #expect(backlog.metrics.waiters == 2_000)
        #expect(clock.sleepers == 1, "a timer each")
        let claimed = try #require(try await backlog.claim(limit: 1).first)
        try await backlog.complete(claimed.token, with: .done, timings: nil)
        for task in waiting { #expect(try await task.value?.status == .succeeded) }
        #expect(backlog.metrics.waiters == 0)
    }

    @Test("when the time is up the job is given as it is, and the wait is over")
    func timeout() async throws {
        let job = try await backlog.submit(.sample())
        let waiting = Task { [backlog] in try await backlog.waitForEnd(job.id, timeout: .seconds(30)) }
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(29))
        #expect(backlog.metrics.waiters == 1)
        clock.advance(by: .seconds(1))
        #expect(try await waiting.value == job)
        #expect(backlog.metrics.waiters == 0 && clock.sleepers == 0)
    }

    @Test("a cancelled wait is over at once")
    func cancellation() async throws {
        let job = try await backlog.submit(.sample())
        let waiting = (0..<100).map { _ in
            Task { [backlog] in try await backlog.waitForEnd(job.id, timeout: .seconds(30)) }
        }
        for (number, task) in waiting.enumerated() where number % 2 == 0 { task.cancel() }
        await clock.waitForSleepers(1)
        for task in waiting { task.cancel() }
        for task in waiting { #expect(try await task.value?.status == .queued) }
        #expect(backlog.metrics.waiters == 0)
    }

    @Test("end, timeout and cancellation race without a leak or a double resume")
    func race() async throws {
        for _ in 0..<200 {
            let job = try await backlog.submit(.sample())
            let waiting = (0..<4).map { _ in
                Task { [backlog] in try await backlog.waitForEnd(job.id, timeout: .seconds(1)) }
            }
            async let ended = backlog.cancel(job.id)
            async let passed: Void = clock.advance(by: .seconds(1))
            waiting[0].cancel()
            _ = try await (ended, passed)
            for task in waiting { #expect(try await task.value != nil) }
        }
        #expect(backlog.metrics.waiters == 0)
    }

    @Test("a job that fails for want of attempts wakes its waiters too")
    func outOfAttempts() async throws {
        let store = MemoryJobStore(settings: .init(attempts: 1), clock: clock)
        let backlog = Backlog(store: store, clock: clock)
        let job = try await backlog.submit(.sample())
        let claimed = try #require(try await backlog.claim(limit: 1).first)
        let waiting = Task { try await backlog.waitForEnd(job.id, timeout: .seconds(30)) }
        await clock.waitForSleepers(1)
        try await backlog.release(claimed.token, as: .lost)
        #expect(try await waiting.value?.failure?.reason == "out-of-attempts")
        #expect(backlog.metrics.failed == 1)
    }

    @Test("a stale outcome is counted and wakes nobody")
    func stale() async throws {
        let job = try await backlog.submit(.sample())
        let claimed = try #require(try await backlog.claim(limit: 1).first)
        try await backlog.release(claimed.token, as: .unspent)
        #expect(try await backlog.complete(claimed.token, with: .done, timings: nil) == false)
        #expect(backlog.metrics.dropped == 1 && backlog.metrics.succeeded == 0)
        #expect(try await backlog.job(job.id)?.status == .queued)
    }

    @Test("expiry goes on at its interval until it is cancelled")
    func expiry() async throws {
        let job = try await backlog.submit(.sample())
        _ = try await backlog.cancel(job.id)
        let expiry = Task { [backlog] in await Expiry(of: backlog, every: .seconds(3_600)).run() }
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(3_600))
        await clock.waitForSleepers(1)
        #expect(try await backlog.counts().total == 0)
        expiry.cancel()
        await expiry.value
    }

    @Test("a bell that rings while nobody listens is heard once")
    func doorbell() async {
        let bell = Doorbell()
        bell.ring()
        bell.ring()
        await bell.wait()
        let listener = Task { await bell.wait() }
        bell.ring()
        await listener.value
    }
}
