import Platform
import Testing

@testable import Jobs

@Suite("A worker pool", .timeLimit(.minutes(10)))
struct WorkerPoolTests {
    @Test("runs a job's parts and puts them together in order")
    func wholeJob() async throws {
        let running = try RunningPool(workers: 3, processor: ScriptedProcessor())
        let job = try await running.end(of: try await running.submit(.init(parts: 9)))
        #expect(job.status == .succeeded && job.partsDone == 9 && job.timings != nil && job.attempt == 1)
        #expect(try await running.backlog.output(job.id)?.body == Array(0..<9))
        await running.pool.drain(within: .seconds(1))
        #expect(running.backlog.metrics.partsDone == 9 && running.backlog.metrics.succeeded == 1)
    }

    @Test("a job that the processor declines goes back to the queue and loses no attempt")
    func declined() async throws {
        let processor = ScriptedProcessor()
        let running = try RunningPool(workers: 2, processor: processor)
        var jobs: [Job] = []
        for _ in 0..<20 { jobs.append(try await running.submit(.init(parts: 3, failingAt: 252))) }
        for job in jobs {
            let ended = try await running.end(of: job)
            #expect(ended.status == .succeeded && ended.attempt == 1)
        }
        await running.pool.drain(within: .seconds(1))
        #expect(Set(processor.journal.declined.withLock { $0 }) == Set(jobs.map(\.id)))
        #expect(running.backlog.metrics.queuedJobs == 0 && running.backlog.metrics.failed == 0)
    }

    @Test("a job that is interrupted is tried again, and has failed after the last attempt with what interrupted it")
    func interrupted() async throws {
        let running = try RunningPool(workers: 2, processor: ScriptedProcessor())
        let once = try await running.end(of: try await running.submit(.init(parts: 3, failingAt: 250)))
        #expect(once.status == .succeeded && once.attempt == 2)
        let always = try await running.end(of: try await running.submit(.init(parts: 3, failingAt: 251)))
        #expect(always.status == .failed && always.attempt > 1 && always.failure?.reason == "out-of-attempts")
        #expect(always.failure?.detail.hasSuffix("the last time: it was cut off.") == true)
        await running.pool.drain(within: .seconds(1))
        #expect(running.backlog.metrics.queuedJobs == 0 && running.backlog.metrics.failed == 1)
    }

    @Test("one job alone has all workers, each with scratch memory of its own")
    func allWorkers() async throws {
        let gate = ThreadGate()
        let processor = ScriptedProcessor { _, _ in gate.pass() }
        let running = try RunningPool(workers: 4, processor: processor)
        let job = try await running.submit(.init(parts: 4))
        await gate.waitForArrivals(4)
        #expect(running.pool.health.busy == 4)
        gate.openForGood()
        #expect(try await running.end(of: job).status == .succeeded)
        #expect(Set(processor.journal.parts.map(\.scratch)).count == 4)
        await running.pool.drain(within: .seconds(1))
        #expect(processor.journal.scratches.withLock { $0 } == 4)
    }

    @Test("a short job does not wait for the end of a long one")
    func fairness() async throws {
        let gate = ThreadGate()
        let processor = ScriptedProcessor { _, _ in gate.pass() }
        let running = try RunningPool(workers: 1, processor: processor)
        let long = try await running.submit(.init(parts: 100))
        await gate.waitForArrivals(1)
        let short = try await running.submit(.init(parts: 1))
        _ = await running.pool.crew.reaches({ $0.jobs.count == 2 }, until: MonotonicTime(nanoseconds: .max))
        gate.open(for: 5)
        #expect(try await running.end(of: short).status == .succeeded)
        #expect(try await running.backlog.job(long.id)?.status == .running)
        gate.openForGood()
        #expect(try await running.end(of: long).status == .succeeded)
        await running.pool.drain(within: .seconds(1))
    }

    @Test("holds one job more than it has workers, and leaves the rest in the queue")
    func claimsAhead() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 2, processor: ScriptedProcessor { _, _ in gate.pass() })
        var jobs: [Job] = []
        for _ in 0..<6 { jobs.append(try await running.submit(.init())) }
        await gate.waitForArrivals(2)
        _ = await running.pool.crew.reaches(
            { $0.jobs.count == 3 && $0.pending == 1 }, until: MonotonicTime(nanoseconds: .max))
        let counts = try await running.store.counts()
        #expect(counts.running == 3 && counts.queued == 3)
        #expect(running.backlog.metrics.queuedJobs == 3)
        gate.openForGood()
        for job in jobs { #expect(try await running.end(of: job).status == .succeeded) }
        await running.pool.drain(within: .seconds(1))
    }

    @Test("holds the more jobs the shorter they are, as many as take 25 ms")
    func claimsFurtherAhead() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 2, processor: ScriptedProcessor { _, _ in gate.pass() })
        running.backlog.measure(parts: 1, workerTime: .milliseconds(5))
        var jobs: [Job] = []
        for _ in 0..<30 { jobs.append(try await running.submit(.init())) }
        await gate.waitForArrivals(2)
        _ = await running.pool.crew.reaches(
            { $0.jobs.count >= 7 && $0.pending == 1 }, until: MonotonicTime(nanoseconds: .max))
        let held = try await running.store.counts().running
        #expect((7...12).contains(held), "two at work and ten in reserve, which is filled up when half of it is gone")
        gate.openForGood()
        for job in jobs { #expect(try await running.end(of: job).status == .succeeded) }
        await running.pool.drain(within: .seconds(1))
    }

    @Test("long jobs are not claimed ahead because those before them were short")
    func longAfterShort() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor { _, _ in gate.pass() })
        running.backlog.measure(parts: 1, workerTime: .milliseconds(1))
        var jobs: [Job] = []
        for _ in 0..<6 { jobs.append(try await running.submit(.init(parts: 200))) }
        await gate.waitForArrivals(1)
        _ = await running.pool.crew.reaches(
            { $0.jobs.count == 2 && $0.pending == 1 }, until: MonotonicTime(nanoseconds: .max))
        let counts = try await running.store.counts()
        #expect(counts.running == 2 && counts.queued == 4)
        gate.openForGood()
        for job in jobs { #expect(try await running.end(of: job).status == .succeeded) }
        await running.pool.drain(within: .seconds(1))
    }

    @Test("a job whose deadline passes while it is in hand, behind another, is not begun")
    func lateInHand() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor { _, _ in gate.pass() })
        let first = try await running.submit(.init())
        await gate.waitForArrivals(1)
        var late = ScriptedProcessor.Script().job
        late.deadline = .seconds(5)
        let second = try await running.backlog.submit(late)
        _ = await running.pool.crew.reaches(
            { $0.jobs.count == 2 && $0.pending == 1 }, until: MonotonicTime(nanoseconds: .max))
        running.clock.advance(by: .seconds(5))
        gate.openForGood()
        #expect(try await running.backlog.waitForEnd(first.id, timeout: .seconds(9))?.status == .succeeded)
        let ended = try await running.backlog.waitForEnd(second.id, timeout: .seconds(9))
        #expect(ended?.status == .failed && ended?.failure?.reason == "deadline-passed")
        await running.pool.drain(within: .seconds(1))
    }

    @Test(
        "a job that fails fails alone", arguments: [(2, "part"), (253, "finish"), (254, "plan")] as [(UInt8, String)])
    func failure(failingAt: UInt8, reason: String) async throws {
        let running = try RunningPool(workers: 2, processor: ScriptedProcessor())
        let before = try await running.submit(.init(parts: 3))
        let bad = try await running.submit(.init(parts: 5, failingAt: failingAt))
        let after = try await running.submit(.init(parts: 3))
        #expect(try await running.end(of: bad).failure?.reason == reason)
        #expect(try await running.end(of: before).status == .succeeded)
        #expect(try await running.end(of: after).status == .succeeded)
        #expect(try await running.backlog.output(bad.id) == nil)
        await running.pool.drain(within: .seconds(1))
        #expect(running.backlog.metrics.failed == 1 && running.backlog.metrics.succeeded == 2)
    }

    @Test("a job without parts succeeds")
    func noParts() async throws {
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor())
        let job = try await running.end(of: try await running.submit(.init(parts: 0)))
        #expect(job.status == .succeeded)
        await running.pool.drain(within: .seconds(1))
    }

    @Test("a cancelled job stops at its next part")
    func cancel() async throws {
        let gate = ThreadGate()
        let processor = ScriptedProcessor { _, _ in gate.pass() }
        let running = try RunningPool(workers: 2, processor: processor)
        let job = try await running.submit(.init(parts: 50))
        await gate.waitForArrivals(2)
        guard case .requested = try await running.backlog.cancel(job.id) else {
            Issue.record("it was running")
            return
        }
        gate.openForGood()
        #expect(try await running.end(of: job).status == .cancelled)
        #expect(processor.journal.parts.count == 2)
        let next = try await running.submit(.init(parts: 2))
        #expect(try await running.end(of: next).status == .succeeded)
        await running.pool.drain(within: .seconds(1))
        #expect(running.backlog.metrics.cancelled == 1)
    }

    @Test("shows progress while a job runs")
    func progress() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor { _, _ in gate.pass() })
        let job = try await running.submit(.init(parts: 4))
        gate.open(for: 2)
        await gate.waitForArrivals(3)
        _ = await running.pool.crew.reaches({ $0.pending == 1 }, until: MonotonicTime(nanoseconds: .max))
        let seen = try await running.backlog.job(job.id)
        #expect(seen?.status == .running && seen?.partsDone == 2)
        gate.openForGood()
        _ = try await running.end(of: job)
        await running.pool.drain(within: .seconds(1))
    }

    @Test("a worker that is stuck is seen")
    func health() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 2, processor: ScriptedProcessor { _, _ in gate.pass() })
        #expect(running.pool.health.alive == 2 && running.pool.health.busy == 0)
        let job = try await running.submit(.init(parts: 1))
        await gate.waitForArrivals(1)
        running.clock.advance(by: .milliseconds(500))
        let health = running.pool.health
        #expect(health.busy == 1 && health.runningJobs == 1)
        #expect(health.activities.first?.job == job.id && health.activities.first?.part == 0)
        #expect(health.stuck(longerThan: .milliseconds(499)).count == 1)
        #expect(health.stuck(longerThan: .milliseconds(500)).isEmpty)
        gate.openForGood()
        _ = try await running.end(of: job)
        await running.pool.drain(within: .seconds(1))
        #expect(running.pool.health.alive == 0 && running.pool.health.busy == 0)
    }

    @Test("waiting and working are measured")
    func timings() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor { _, _ in gate.pass() })
        let first = try await running.submit(.init())
        await gate.waitForArrivals(1)
        let second = try await running.submit(.init())
        running.clock.advance(by: .milliseconds(300))
        gate.open(for: 1)
        await gate.waitForArrivals(2)
        running.clock.advance(by: .milliseconds(200))
        gate.open(for: 1)
        let jobs = [try await running.end(of: first), try await running.end(of: second)]
        #expect(jobs[0].timings == JobTimings(queued: .zero, scored: .milliseconds(300)))
        #expect(jobs[1].timings == JobTimings(queued: .milliseconds(300), scored: .milliseconds(200)))
        await running.pool.drain(within: .seconds(1))
        let seconds = try #require(running.backlog.metrics.secondsPerPart)
        #expect(seconds > 0.2 && seconds < 0.3)
    }
}
