import Platform
import Testing

@testable import Jobs

/// Two backlogs before one store stand for two processes.
@Suite("Following a job that another process works on", .timeLimit(.minutes(10)))
struct ChangePollTests {
    private let clock: ManualClock
    private let here: Backlog
    private let elsewhere: Backlog
    private let poll: ChangePoll

    init() {
        clock = ManualClock()
        let store = MemoryJobStore(clock: clock)
        here = Backlog(store: store, clock: clock)
        elsewhere = Backlog(store: store, clock: clock)
        poll = ChangePoll(of: here)
    }

    @Test("a look at the store wakes for what has changed, and not for what has not")
    func changes() async throws {
        let job = try await here.submit(.sample(parts: 9))
        let watch = here.watch(job.id)
        let claimed = try #require(try await elsewhere.claim(limit: 1).first)
        #expect(await watch.next(until: clock.now) == .timeUp)
        try await poll.runOnce()
        #expect(await watch.next(until: clock.now) == .changed)
        try await poll.runOnce()
        #expect(await watch.next(until: clock.now) == .timeUp)
        _ = try await elsewhere.reportProgress(claimed.token, partsDone: 4)
        try await poll.runOnce()
        #expect(await watch.next(until: clock.now) == .changed)
    }

    @Test("who waits for the end learns of it, and that a job is gone")
    func ends() async throws {
        let first = try await here.submit(.sample())
        let waiting = Task { [here] in try await here.waitForEnd(first.id, timeout: .seconds(300)) }
        await here.waitForSleepingWatchers(1)
        let claimed = try #require(try await elsewhere.claim(limit: 1).first)
        try await poll.runOnce()
        #expect(here.watchers.sleeping == 1, "a change is no end")
        try await elsewhere.complete(claimed.token, with: .done, timings: nil)
        try await poll.runOnce()
        #expect(try await waiting.value?.status == .succeeded)
        let second = try await here.submit(.sample())
        let vain = Task { [here] in try await here.waitForEnd(second.id, timeout: .seconds(300)) }
        await here.waitForSleepingWatchers(1)
        _ = try await elsewhere.cancel(second.id)
        _ = try await elsewhere.forget(second.id)
        try await poll.runOnce()
        #expect(try await vain.value == nil)
    }

    @Test("looks go on at their interval until the task is cancelled")
    func interval() async throws {
        let job = try await here.submit(.sample())
        let watch = here.watch(job.id)
        let polling = Task { [here] in await ChangePoll(of: here, every: .seconds(1)).run() }
        await clock.waitForSleepers(1)
        _ = try await elsewhere.cancel(job.id)
        clock.advance(by: .seconds(1))
        guard case .ended = await watch.next(until: clock.now + .seconds(15)) else {
            Issue.record("the end elsewhere was not seen")
            return
        }
        polling.cancel()
        await polling.value
    }
}
