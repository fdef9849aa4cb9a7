import Platform
import Testing

@testable import Jobs

@Suite("Following a job", .timeLimit(.minutes(10)))
struct WatchTests {
    private let clock: ManualClock
    private let store: MemoryJobStore
    private let backlog: Backlog

    init() {
        clock = ManualClock()
        store = MemoryJobStore(clock: clock)
        backlog = Backlog(store: store, limits: .init(maxJobs: 10_000), clock: clock)
    }

    private var soon: MonotonicTime { clock.now + .seconds(15) }

    @Test("each change of the job wakes: claim, progress, release, end")
    func everyChange() async throws {
        let job = try await backlog.submit(.sample(parts: 3))
        let watch = backlog.watch(job.id)
        let first = try #require(try await backlog.claim(limit: 1).first)
        #expect(await watch.next(until: soon) == .changed)
        _ = try await backlog.reportProgress(first.token, partsDone: 1)
        #expect(await watch.next(until: soon) == .changed)
        try await backlog.release(first.token, as: .unspent)
        #expect(await watch.next(until: soon) == .changed)
        let second = try #require(try await backlog.claim(limit: 1).first)
        #expect(await watch.next(until: soon) == .changed)
        try await backlog.complete(second.token, with: .done, timings: nil)
        guard case .ended(let ended) = await watch.next(until: soon) else {
            Issue.record("the end wakes with the job")
            return
        }
        #expect(ended.status == .succeeded)
    }

    @Test("cancelling wakes: a queued job has ended, a running one is to be looked at")
    func cancelling() async throws {
        let queued = try await backlog.submit(.sample())
        let watch = backlog.watch(queued.id)
        _ = try await backlog.cancel(queued.id)
        guard case .ended(let ended) = await watch.next(until: soon) else {
            Issue.record("a cancelled job has ended")
            return
        }
        #expect(ended.status == .cancelled)
        let running = try await backlog.submit(.sample())
        _ = try await backlog.claim(limit: 1)
        let other = backlog.watch(running.id)
        _ = try await backlog.cancel(running.id)
        #expect(await other.next(until: soon) == .changed)
    }

    @Test("a time that is up before anybody listens is heard by who does, and ends no other wait")
    func lapsedEarly() async {
        let signal = WakeSignal(for: .changes)
        let first = signal.begin()
        signal.lapse(first, with: .timeUp)
        #expect(await signal.wake(first) == .timeUp)
        let second = signal.begin()
        signal.lapse(first, with: .timeUp)
        signal.tell(.changed)
        #expect(await signal.wake(second) == .changed)
        signal.lapse(second, with: .timeUp)
        let third = signal.begin()
        async let woken = signal.wake(third)
        while !signal.isAwaited { await Task.yield() }
        signal.tell(.closed)
        #expect(await woken == .closed)
    }

    @Test("many changes before a look are one wake; after it there is none until the next change")
    func coalescing() async throws {
        let job = try await backlog.submit(.sample(parts: 100))
        let claimed = try #require(try await backlog.claim(limit: 1).first)
        let watch = backlog.watch(job.id)
        for done in 1..<50 { _ = try await backlog.reportProgress(claimed.token, partsDone: done) }
        #expect(await watch.next(until: soon) == .changed)
        #expect(await watch.next(until: clock.now) == .timeUp)
        _ = try await backlog.reportProgress(claimed.token, partsDone: 50)
        #expect(await watch.next(until: clock.now) == .changed)
    }

    @Test("an end is not covered up by what comes before or after it")
    func endStays() async throws {
        let job = try await backlog.submit(.sample())
        let watch = backlog.watch(job.id)
        let claimed = try #require(try await backlog.claim(limit: 1).first)
        try await backlog.complete(claimed.token, with: .done, timings: nil)
        watch.wake()
        backlog.stopWatching()
        guard case .ended = await watch.next(until: soon) else {
            Issue.record("the end was covered up")
            return
        }
    }

    @Test("no change between look and wait is lost, however they race")
    func noLostWake() async throws {
        let job = try await backlog.submit(.sample(parts: 2_000))
        let claimed = try #require(try await backlog.claim(limit: 1).first)
        let reader = Task { [backlog, clock] in
            let watch = backlog.watch(job.id)
            var seen = 0
            while seen < 2_000 {
                seen = try await backlog.job(job.id)?.partsDone ?? 0
                if seen < 2_000 { #expect(await watch.next(until: clock.now + .seconds(1)) == .changed) }
            }
        }
        for done in 1...2_000 { _ = try await backlog.reportProgress(claimed.token, partsDone: done) }
        try await reader.value
    }

    @Test("a watch that is let go leaves nothing behind")
    func deregistration() async throws {
        let job = try await backlog.submit(.sample())
        var watches: [Watch] = (0..<100).map { _ in backlog.watch(job.id) }
        #expect(backlog.metrics.waiters == 100)
        watches.removeLast(40)
        #expect(backlog.metrics.waiters == 60)
        watches = []
        #expect(backlog.metrics.waiters == 0 && backlog.watchers.jobs.isEmpty)
    }

    @Test("a cancelled task waits no longer, and its watch is gone")
    func cancelledTask() async throws {
        let job = try await backlog.submit(.sample())
        let tasks = (0..<50).map { _ in
            Task { [backlog, clock] in
                await backlog.watch(job.id).next(until: clock.now + .seconds(15))
            }
        }
        await backlog.waitForSleepingWatchers(50)
        for task in tasks { task.cancel() }
        for task in tasks { #expect(await task.value == .cancelled) }
        #expect(backlog.metrics.waiters == 0)
    }

    @Test("5,000 who wait share one timer, and each waits as long as it said")
    func oneTimer() async throws {
        let job = try await backlog.submit(.sample())
        let tasks = (0..<5_000).map { number in
            Task { [backlog, clock] in
                await backlog.watch(job.id).next(until: clock.now + .seconds(number < 2_500 ? 30 : 15))
            }
        }
        await backlog.waitForSleepingWatchers(5_000)
        await clock.waitForSleepers(1)
        #expect(clock.sleepers == 1)
        clock.advance(by: .seconds(15))
        for task in tasks[2_500...] { #expect(await task.value == .timeUp) }
        #expect(backlog.watchers.sleeping == 2_500)
        await clock.waitForSleepers(1)
        clock.advance(by: .seconds(15))
        for task in tasks[..<2_500] { #expect(await task.value == .timeUp) }
        #expect(clock.sleepers == 0)
    }

    @Test("when the process leaves all are woken, and those who come later do not wait")
    func closing() async throws {
        let job = try await backlog.submit(.sample())
        let following = Task { [backlog, clock] in
            await backlog.watch(job.id).next(until: clock.now + .seconds(15))
        }
        let waiting = Task { [backlog] in try await backlog.waitForEnd(job.id, timeout: .seconds(300)) }
        await backlog.waitForSleepingWatchers(2)
        backlog.stopWatching()
        #expect(await following.value == .closed)
        #expect(try await waiting.value?.status == .queued)
        #expect(await backlog.watch(job.id).next(until: soon) == .closed)
        #expect(try await backlog.waitForEnd(job.id, timeout: .seconds(300))?.status == .queued)
    }
}
