import Platform
import PostgresStore
import TestSupport
import Testing

@testable import Jobs

/// Two stores on one database, as two servers have them.
@Suite(
    "cluster.md: what one server does, the others see",
    .enabled(if: PostgresServer.isThere, "PostgreSQL is not installed"),
    .timeLimit(.minutes(5)))
struct SharedStoreTests {
    private let clock = ManualClock()

    private func two(
        attempts: Int = 3, lease: Duration = .seconds(30)
    ) async throws -> (one: PostgresJobStore, two: PostgresJobStore) {
        var settings = MemoryJobStore.Settings(attempts: attempts)
        settings.lease = lease
        let one = try await PostgresHome.open(settings, clock, SeededRandom(seed: 1))
        return (one, try await PostgresHome.openBeside(one, settings, clock, SeededRandom(seed: 2)))
    }

    @Test(
        "a job that one took another does, and the first has the result; also of many pieces",
        arguments: [4, 2_400_000])
    func anyDoes(words: Int) async throws {
        let (one, two) = try await two()
        // Numbers that neither half precision nor deflation makes smaller.
        var random = SeededRandom(seed: 5)
        var new = NewJob.sample(words: 1)
        new.input = JobBody((0..<words).map { _ in Float(Int32(truncatingIfNeeded: random.next() as UInt64)) / 3 })
        let id = try await one.insert(new).id
        let claimed = try #require(try await two.claim(limit: 1).first)
        #expect(claimed.id == id && claimed.input == new.input)
        let output = JobOutput(body: new.input.bytes(in: 0..<new.input.count))
        _ = try await two.complete(claimed.token, with: .succeeded(output))
        #expect(try await one.job(id)?.status == .succeeded)
        #expect(try await one.output(id) == output)
        #expect(try await one.forget(id))
        #expect(try await two.job(id) == nil)
    }

    @Test("of many that come to one server at once the other has each with its own input")
    func crowd() async throws {
        let (one, two) = try await two()
        let inputs = try await one.submitCrowd(100)
        var claimed: [ClaimedJob] = []
        while case let more = try await two.claim(limit: 40), !more.isEmpty { claimed += more }
        #expect(claimed.count == 100 && inputs.count == 100)
        for job in claimed { #expect(job.input == inputs[job.id]) }
    }

    @Test("of jobs that both claim at once each is one's")
    func claims() async throws {
        let (one, two) = try await two()
        _ = try await one.submit(Submission(batch: [NewJob](repeating: .sample(), count: 60)))
        var all: [JobID] = []
        while true {
            async let first = one.claim(limit: 7)
            async let second = two.claim(limit: 7)
            let claimed = try await (first + second).map(\.id)
            if claimed.isEmpty { break }
            all += claimed
        }
        #expect(all.count == 60 && Set(all).count == 60)
    }

    @Test("an equal key is one job, wherever it comes, and both servers' submissions count for one quota")
    func keys() async throws {
        let (one, two) = try await two()
        var submission = Submission(.sample(), key: IdempotencyKey(client: "a", text: "k", fingerprint: "f"))
        submission.account = Account(name: "a", quota: DailyQuota(jobs: 1))
        let first = try await one.submit(submission)
        #expect(try await two.submit(submission) == Receipt(jobs: first.jobs, origin: .replayed))
        submission.key = nil
        await #expect(throws: JobStoreError.self) { try await two.submit(submission) }
    }

    @Test("a server that stands still loses its job to another once the lease is over, and its end is dropped")
    func lease() async throws {
        let (one, two) = try await two()
        let held = try #require(try await one.insertAndClaim())
        clock.advance(by: .seconds(30))
        #expect(try await two.expire().lapsed.map(\.id) == [held.id])
        let other = try #require(try await two.claim(limit: 1).first)
        #expect(other.attempt == 2)
        #expect(try await one.complete(held.token, with: .done) == nil)
        #expect(try await one.renew([held.token]) == [Renewal(.lost)])
        #expect(try await two.complete(other.token, with: .done)?.status == .succeeded)
    }

    @Test("a job that was merely in a dead server's hands has lost no attempt; one that was begun has")
    func begun() async throws {
        let (one, two) = try await two(attempts: 1)
        let log = try #require(one.workLog(workers: 1))
        let id = try await one.insert(.sample()).id
        _ = try #require(try await one.claim(limit: 1).first)
        clock.advance(by: .seconds(30))
        #expect(try await two.expire().lapsed.map(\.status) == [.queued])
        _ = try #require(try await one.claim(limit: 1).first)
        log.begin(id, worker: 0)
        await one.settleBegun()
        clock.advance(by: .seconds(30))
        #expect(try await two.expire().lapsed.map(\.failure?.reason) == ["out-of-attempts"])
    }

    @Test("an attempt that was begun counts as one though its claim ran out and was taken back in between")
    func regained() async throws {
        let (one, two) = try await two(attempts: 2)
        let log = try #require(one.workLog(workers: 1))
        let held = try #require(try await one.insertAndClaim())
        log.begin(held.id, worker: 0)
        await one.settleBegun()
        clock.advance(by: .seconds(30))
        #expect(try await two.expire().lapsed.map(\.status) == [.queued])
        #expect(try await one.renew([held.token]).map(\.standing) == [.held])
        clock.advance(by: .seconds(30))
        #expect(try await two.expire().lapsed.map(\.status) == [.queued])
        log.end(worker: 0)
        _ = try #require(try await one.claim(limit: 1).first)
        log.begin(held.id, worker: 0)
        await one.settleBegun()
        clock.advance(by: .seconds(30))
        #expect(try await two.expire().lapsed.map(\.failure?.reason) == ["out-of-attempts"])
    }

    @Test("a job that ends each server before it could say so fails too, some servers later")
    func silentKiller() async throws {
        let (one, two) = try await two(attempts: 2)
        _ = one.workLog(workers: 1)
        let id = try await one.insert(.sample()).id
        var claims = 0
        while try await one.claim(limit: 1).first != nil {
            claims += 1
            clock.advance(by: .seconds(30))
            _ = try await two.expire()
        }
        #expect(claims == 8)
        #expect(try await two.job(id)?.failure?.reason == "out-of-attempts")
    }

    @Test("a note is one server's, and what another says of it later counts no more")
    func notes() async throws {
        let (one, two) = try await two()
        var new = NewJob.sample()
        new.callback = "https://example.org/hook"
        let held = try #require(try await one.insertAndClaim(new))
        _ = try await one.complete(held.token, with: .done)
        #expect(try await one.takeCallbacks(limit: 9).map(\.job.id) == [held.id])
        #expect(try await two.takeCallbacks(limit: 9).isEmpty)
        clock.advance(by: .seconds(120))
        #expect(try await two.takeCallbacks(limit: 9).map(\.tries) == [2])
        try await one.settleCallback(of: held.id, .retry(after: .zero))
        clock.advance(by: .seconds(1))
        #expect(try await one.takeCallbacks(limit: 9).isEmpty, "it is on its way from the other")
        try await two.settleCallback(of: held.id, .settled)
        clock.advance(by: .seconds(600))
        #expect(try await one.takeCallbacks(limit: 9).isEmpty)
    }

    @Test("a note for a place is one server's until it has had it too long, and a mark is known to both")
    func alerts() async throws {
        let (one, two) = try await two()
        var new = NewJob.sample()
        new.alerts = ["mqtt"]
        let held = try #require(try await one.insertAndClaim(new))
        try await one.setAlertMark([1], of: held.id, for: "mqtt")
        _ = try await one.complete(held.token, with: .done)
        #expect(try await one.takeAlerts(for: "mqtt", limit: 9).map(\.job.id) == [held.id])
        #expect(try await two.takeAlerts(for: "mqtt", limit: 9).isEmpty)
        clock.advance(by: .seconds(120))
        #expect(try await two.takeAlerts(for: "mqtt", limit: 9).map(\.tries) == [2])
        #expect(try await two.alertMark(of: held.id, for: "mqtt") == [1])
        try await two.settleAlert(of: held.id, for: "mqtt", .settled)
        clock.advance(by: .seconds(600))
        #expect(try await one.takeAlerts(for: "mqtt", limit: 9).isEmpty)
    }

    @Test("of two who put remarks beside a job at once one does, and what another server put there is seen")
    func remarks() async throws {
        let (one, two) = try await two()
        let held = try #require(try await one.insertAndClaim())
        _ = try await one.complete(held.token, with: .done)
        for revision in 0..<8 {
            async let first = one.remark(held.id, [1], over: revision)
            async let second = two.remark(held.id, [2], over: revision)
            let outcomes = try await [first, second]
            let kept = outcomes.compactMap { if case .kept(let remarks) = $0 { remarks } else { nil } }
            #expect(kept.count == 1 && kept.first?.revision == revision + 1)
            #expect(try await two.remarks(held.id) == kept.first)
            #expect(outcomes.contains(.changed(kept.first)))
        }
    }

    @Test("units that are settled on two servers at once are all counted")
    func units() async throws {
        let (one, two) = try await two()
        let account = Account(name: "a", quota: DailyQuota(units: 1_000))
        let day = clock.wall.milliseconds / 86_400_000
        for _ in 0..<10 {
            async let first = one.settle(3, of: account, since: day)
            async let second = two.settle(4, of: account, since: day)
            let excess = try await [first, second]
            #expect(excess == [nil, nil])
        }
        #expect(try await one.usage(of: "a")?.units == 70)
    }

    @Test("a kind of jobs that one server can't do is another's, and missing to none")
    func kinds() async throws {
        let (one, two) = try await two()
        _ = try await one.serve(ServedModels(["aa": "tiny"]).without(kind: "other"), missing: .fail)
        _ = try await two.serve(ServedModels(["aa": "tiny"]), missing: .wait)
        var other = NewJob.sample(of: "aa")
        other.kind = "other"
        let id = try await one.insert(other).id
        #expect(try await one.job(id)?.isModelMissing == false)
        #expect(try await one.claim(limit: 1).isEmpty)
        #expect(try await one.glance(at: [id], counting: false)?.hasWork == false)
        #expect(try await two.claim(limit: 1).map(\.id) == [id])
    }

    @Test("a job whose model another server serves is not missing it, and fails for want of it only once that has gone")
    func models() async throws {
        let (one, two) = try await two()
        _ = try await two.serve(ServedModels(["bb": "tiny"]), missing: .wait)
        _ = try await one.serve(ServedModels(["aa": "tiny"]), missing: .fail)
        let id = try await two.insert(.sample(of: "bb")).id
        #expect(try await one.job(id)?.isModelMissing == false)
        #expect(try await one.claim(limit: 1).isEmpty)
        #expect(try await one.expire().overdue.isEmpty)
        #expect(try await one.glance(at: [id], counting: false)?.hasWork == false)
        #expect(try await two.glance(at: [id], counting: false)?.hasWork == true)
        clock.advance(by: .seconds(31))
        #expect(try await one.expire().overdue.map(\.failure?.reason) == ["other-model"])
    }

    @Test("the queue's limits count what others took and took out, and who waits for a job of another's is woken")
    func backlogs() async throws {
        let (one, two) = try await two()
        let limits = Backlog.Limits(maxJobs: 2)
        let here = Backlog(store: one, limits: limits, clock: clock)
        let elsewhere = Backlog(store: two, limits: limits, clock: clock)
        let poll = ChangePoll(of: here)
        let job = try await here.submit(.sample())
        _ = try await elsewhere.submit(.sample())
        #expect(here.metrics.queuedJobs == 1)
        try await poll.runOnce()
        #expect(here.metrics.queuedJobs == 2)
        await #expect(throws: SubmitError.self) { try await here.submit(.sample()) }
        let watch = here.watch(job.id)
        let claimed = try await elsewhere.claim(limit: 2)
        try await poll.runOnce()
        #expect(here.metrics.queuedJobs == 0)
        #expect(await watch.next(until: clock.now) == .changed)
        let own = try #require(claimed.first { $0.id == job.id })
        try await elsewhere.complete(own.token, with: .done, timings: nil)
        try await poll.runOnce(counting: false)
        guard case .ended(let ended) = await watch.next(until: clock.now) else {
            Issue.record("it has ended")
            return
        }
        #expect(ended.status == .succeeded)
    }
}
