import TestSupport
import Testing

@testable import Jobs

@Suite("Many jobs at once", .timeLimit(.minutes(10)))
struct ManyJobsTests {
    @Test("each of 2,000 random jobs ends in exactly one outcome, the one it should", arguments: [1, 2] as [UInt64])
    func everyJobEndsOnce(seed: UInt64) async throws {
        let processor = ScriptedProcessor()
        let running = try RunningPool(workers: 4, processor: processor)
        var random = SeededRandom(seed: seed)
        let plans = (0..<2_000).map { _ in
            let parts = UInt8.random(in: 1...5, using: &random)
            let failing: UInt8 =
                Int.random(in: 0..<10, using: &random) == 0 ? .random(in: 0..<parts, using: &random) : 255
            return (
                script: ScriptedProcessor.Script(parts: parts, failingAt: failing),
                isCancelled: Int.random(in: 0..<8, using: &random) == 0
            )
        }
        let ends = try await withThrowingTaskGroup(of: (Int, Job, CancelOutcome?).self) { group in
            for (number, plan) in plans.enumerated() {
                group.addTask {
                    let job = try await running.submit(plan.script)
                    let cancelled = plan.isCancelled ? try await running.backlog.cancel(job.id) : nil
                    return (number, try await running.end(of: job), cancelled)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        await running.pool.drain(within: .seconds(1))
        #expect(ends.count == 2_000 && Set(ends.map(\.1.id)).count == 2_000)
        for (number, job, cancelled) in ends {
            let expected: JobStatus = plans[number].script.failingAt == 255 ? .succeeded : .failed
            switch cancelled {
            case nil, .alreadyEnded: #expect(job.status == expected, "seed \(seed), job \(number)")
            default: #expect(job.status == .cancelled, "seed \(seed), job \(number)")
            }
        }
        let (metrics, counts) = (running.backlog.metrics, try await running.store.counts())
        #expect(metrics.succeeded + metrics.failed + metrics.cancelled == 2_000, "seed \(seed)")
        #expect(counts.queued == 0 && counts.running == 0, "seed \(seed)")
        #expect(metrics.dropped == 0 && metrics.queuedJobs == 0 && metrics.queuedBytes == 0 && metrics.waiters == 0)
        let parts = processor.journal.parts.map { "\($0.id) \($0.part)" }
        #expect(Set(parts).count == parts.count, "seed \(seed): a part was done twice")
    }

    @Test("submitting and draining race: each job is done or still queued")
    func drainRace() async throws {
        for round in 0..<50 {
            let running = try RunningPool(workers: 2, processor: ScriptedProcessor())
            async let submitted = withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { _ = try await running.submit(.init(parts: 2)) } }
                try await group.waitForAll()
            }
            async let drained = running.pool.drain(within: .seconds(1))
            _ = try await (submitted, drained)
            let counts = try await running.store.counts()
            #expect(counts.queued + counts.succeeded == 20, "round \(round): \(counts)")
            #expect(running.backlog.metrics.queuedJobs == counts.queued)
        }
    }
}
