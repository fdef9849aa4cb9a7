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

    @Test("who begins to follow a job is looked after soon, and then after half as long as the newest has waited")
    func soon() async throws {
        let soonest = ChangePoll.soonest(following: 1)
        func next() -> MonotonicTime? { here.watchers.nextLook(after: clock.now, newcomer: Latch()) }
        #expect(next() == nil)
        var watch: Watch? = here.watch(try await here.submit(.sample()).id)
        #expect(next() == clock.now + soonest)
        clock.advance(by: soonest)
        _ = here.watchers.beginLook()
        #expect(next() == clock.now + soonest)
        clock.advance(by: .seconds(3))
        _ = here.watchers.beginLook()
        #expect(next() == clock.now + .milliseconds(1_500))
        let other = here.watch(try await here.submit(.sample()).id)
        #expect(next() == clock.now + ChangePoll.soonest(following: 2))
        #expect(watch?.id != other.id)
        watch = nil
        #expect(next() == clock.now + soonest)
    }

    @Test("a job that is waited for is not read again before it has changed, unless somebody follows each change")
    func read() async throws {
        let first = try await here.submit(.sample())
        let waiting = Task { [here] in try await here.waitForEnd(first.id, timeout: .seconds(300)) }
        await here.waitForSleepingWatchers(1)
        #expect(here.watchers.changed([first.id: first.revision], among: [first.id]) == [])
        #expect(here.watchers.changed([first.id: first.revision + 1], among: [first.id]) == [first.id])
        waiting.cancel()
        _ = try await waiting.value
        let second = try await here.submit(.sample())
        let watch = here.watch(second.id)
        let other = Task { [here] in try await here.waitForEnd(second.id, timeout: .seconds(300)) }
        await here.waitForSleepingWatchers(1)
        #expect(here.watchers.changed([second.id: second.revision], among: [second.id]) == [second.id])
        other.cancel()
        _ = try await other.value
        withExtendedLifetime(watch) {}
    }

    @Test("nothing is remembered of those who are gone")
    func gone() async throws {
        let id = try await here.submit(.sample()).id
        for isSeen in [true, false] {
            var watch: Watch? = here.watch(id)
            if isSeen { _ = here.watchers.beginLook() }
            #expect(watch != nil && here.watchers.nextLook(after: clock.now, newcomer: Latch()) != nil)
            watch = nil
            #expect(here.watchers.nextLook(after: clock.now, newcomer: Latch()) == nil)
        }
    }

    @Test("a rest that nobody ends is as long as it may be, and one who comes ends it")
    func rests() async throws {
        let resting = Task { [poll] in await poll.rest() }
        await clock.waitForSleepers(1)
        clock.advance(by: ChangePoll.sharedInterval.lowerBound - .milliseconds(1))
        #expect(clock.sleepers == 1)
        clock.advance(by: ChangePoll.sharedInterval.upperBound)
        await resting.value
        let other = Task { [poll] in await poll.rest() }
        await clock.waitForSleepers(1)
        let watch = here.watch(try await here.submit(.sample()).id)
        clock.advance(by: ChangePoll.soonest(following: 1))
        await other.value
        withExtendedLifetime(watch) {}
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
