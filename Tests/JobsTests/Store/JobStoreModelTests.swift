import Jobs
import TestSupport
import Testing

/// Random operations against a store and against a trivial model of it.
@Suite("A job store does what its model does")
struct JobStoreModelTests {
    @Test(
        "after each of 400 random operations", arguments: StoreUnderTest.all, [1, 2, 3, 5, 8, 13, 21, 34] as [UInt64])
    func randomOperations(kind: StoreUnderTest, seed: UInt64) async throws {
        let (store, clock) = try await kind.open(resultTTL: .seconds(60), attempts: 3, seed: seed)
        var run = Run(kind: kind, store: store, clock: clock, random: SeededRandom(seed: seed))
        for step in 0..<400 {
            let operation = try await run.doSomething()
            try await run.compare("seed \(seed), step \(step): \(operation)")
        }
    }

    /// A store, its model, and what was learned on the way.
    private struct Run {
        let kind: StoreUnderTest
        var store: any JobStore
        let clock: ManualClock
        var random: SeededRandom
        var model = JobStoreModel(attempts: 3, resultTTL: .seconds(60))
        /// All tokens there ever were, so that stale ones are tried too.
        var tokens: [ClaimToken] = []
        var ids: [JobID] = []

        /// Does one operation to both, and names it.
        mutating func doSomething() async throws -> String {
            let now = clock.now
            let id = ids.randomElement(using: &random)
            let token = tokens.suffix(12).randomElement(using: &random)
            switch Int.random(in: 0..<15, using: &random) {
            case 0...3: return try await insert()
            case 4...5: return try await claim()
            case 6, 7:
                guard let token else { return "nothing to complete" }
                return try await complete(token)
            case 8:
                guard let token else { return "nothing to release" }
                let release: Release = Bool.random(using: &random) ? .lost : .unspent
                let isHeld = model.isHeld(token)
                #expect(try await (store.release(token, as: release) != nil) == isHeld)
                model.release(token, release, now: now)
                return "release \(release)"
            case 9:
                guard let token else { return "nothing to report" }
                let parts = Int.random(in: -1...6, using: &random)
                #expect(try await store.reportProgress(token, partsDone: parts) == model.progress(token, parts))
                return "progress \(parts)"
            case 10:
                guard let id else { return "nothing to cancel" }
                _ = try await store.cancel(id)
                model.cancel(id, now: now)
                return "cancel"
            case 11:
                guard let id else { return "nothing to forget" }
                #expect(try await store.forget(id) == model.forget(id))
                return "forget"
            case 12:
                guard let id else { return "nothing to fetch" }
                let hasOutput = model.entries.contains { $0.id == id && $0.hasOutput }
                #expect(try await (store.output(id) != nil) == hasOutput)
                return "fetch"
            case 13:
                guard let afterCrash = kind.afterCrash, Int.random(in: 0..<4, using: &random) == 0 else {
                    return "no crash"
                }
                let settings = MemoryJobStore.Settings(resultTTL: .seconds(60), attempts: 3)
                store = try await afterCrash(store, settings, clock, SeededRandom(seed: random.next()))
                model.crash(now: now)
                return "crash"
            default:
                clock.advance(by: .seconds(Int.random(in: 0...20, using: &random)))
                model.expire(now: clock.now)
                _ = try await store.expire()
                return "time passes"
            }
        }

        private mutating func insert() async throws -> String {
            let priority = Priority.allCases.randomElement(using: &random) ?? .normal
            let job = try await store.insert(.sample(priority, parts: Int.random(in: 1...5, using: &random)))
            ids.append(job.id)
            model.insert(job, now: clock.now)
            return "insert \(priority)"
        }

        private mutating func claim() async throws -> String {
            let limit = Int.random(in: 0...3, using: &random)
            let claimed = try await store.claim(limit: limit)
            #expect(claimed.map(\.id) == model.claim(claimed, limit: limit))
            #expect(Set(tokens).isDisjoint(with: claimed.map(\.token)), "a token is never given twice")
            tokens += claimed.map(\.token)
            return "claim \(limit)"
        }

        private mutating func complete(_ token: ClaimToken) async throws -> String {
            let outcome = [JobOutcome.done, .broken, .cancelled].randomElement(using: &random) ?? .done
            let isHeld = model.isHeld(token)
            #expect(try await (store.complete(token, with: outcome) != nil) == isHeld)
            model.complete(token, outcome, now: clock.now)
            return "complete \(outcome.status)"
        }

        /// Everything that can be seen of the store has to be what the model says.
        func compare(_ comment: String) async throws {
            let jobs = try await store.list(status: nil, limit: .max, before: nil)
            let seen = jobs.reversed().map { "\($0.id) \($0.status) \($0.attempt) \($0.partsDone)" }
            let expected = model.entries.map { "\($0.id) \($0.status) \($0.attempt) \($0.partsDone)" }
            #expect(seen == expected, "\(comment)")
            let counts = try await store.counts()
            let queued = model.entries.filter { $0.status == .queued }
            #expect(counts.queued == queued.count, "\(comment)")
            #expect(counts.queuedParts == queued.reduce(0) { $0 + $1.parts }, "\(comment)")
            #expect(counts.total == model.entries.count, "\(comment)")
            for status in JobStatus.allCases {
                let listed = try await store.list(status: status, limit: .max, before: nil).map(\.id)
                #expect(listed == model.entries.filter { $0.status == status }.map(\.id).reversed(), "\(comment)")
            }
            let positions = jobs.compactMap(\.queuePosition).sorted()
            #expect(positions == Array(1...max(queued.count, 1)).prefix(queued.count).map { $0 }, "\(comment)")
        }
    }
}
