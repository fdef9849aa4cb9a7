import Jobs
import Platform
import TestSupport
import Testing

/// Random operations against a store and against a trivial model of it.
@Suite("queue.md 15: a job store does what its model does")
struct JobStoreModelTests {
    @Test(
        "after each of 400 random operations", arguments: StoreUnderTest.all, [1, 2, 3, 5, 8, 13, 21, 34] as [UInt64])
    func randomOperations(kind: StoreUnderTest, seed: UInt64) async throws {
        let (store, clock) = try await kind.open(
            resultTTL: .seconds(60), attempts: 3, lease: .seconds(30), seed: seed)
        var run = Run(kind: kind, store: store, clock: clock, random: SeededRandom(seed: seed))
        for step in 0..<400 {
            let operation = try await run.doSomething()
            try await run.compare("seed \(seed), step \(step): \(operation)", wholly: step % 10 == 9)
        }
    }

    /// A store, its model, and what was learned on the way.
    private struct Run {
        let kind: StoreUnderTest
        var store: any JobStore
        let clock: ManualClock
        var random: SeededRandom
        var model = JobStoreModel(attempts: 3, resultTTL: .seconds(60), lease: .seconds(30))
        /// All tokens there ever were, so that stale ones are tried too.
        var tokens: [ClaimToken] = []
        var ids: [JobID] = []

        /// Does one operation to both, and names it.
        mutating func doSomething() async throws -> String {
            let now = clock.now
            let id = ids.randomElement(using: &random)
            let token = tokens.suffix(12).randomElement(using: &random)
            switch Int.random(in: 0..<22, using: &random) {
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
                try await expire()
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
                var settings = MemoryJobStore.Settings(resultTTL: .seconds(60), attempts: 3)
                settings.lease = .seconds(30)
                store = try await afterCrash(store, settings, clock, SeededRandom(seed: random.next()))
                if !kind.isShared { model.crash(now: now) }
                let hasServed = model.served != nil
                (model.served, model.missing) = (nil, .wait)
                // As a process that begins does, with the same models or others.
                if hasServed { _ = try await serve() }
                try await expire()
                return "crash"
            case 14, 15: return try await submit()
            case 16: return try await callbacks()
            case 17: return try await serve()
            case 18, 19: return try await renew()
            default:
                clock.advance(by: .seconds(Int.random(in: 0...20, using: &random)))
                try await expire()
                return "time passes"
            }
        }

        private mutating func insert() async throws -> String {
            let new = newJob()
            let job = try await store.insert(new)
            ids.append(job.id)
            model.insert([job], new, now: clock.now)
            try await expire()
            return "insert \(new.priority)"
        }

        private mutating func newJob() -> NewJob {
            let priority = Priority.allCases.randomElement(using: &random) ?? .normal
            let isLong = Int.random(in: 0..<3, using: &random) == 0
            var new = NewJob.sample(priority, parts: Int.random(in: 1...5, using: &random) + (isLong ? 2_000 : 0))
            if Int.random(in: 0..<4, using: &random) == 0 {
                new.deadline = .seconds(Int.random(in: 1...60, using: &random))
            }
            if Int.random(in: 0..<4, using: &random) == 0 { new.callback = "https://example.org" }
            new.model = Bool.random(using: &random) ? "tiny" : "other"
            new.modelSHA256 = [nil, "aa", "bb", "cc"].randomElement(using: &random) ?? nil
            return new
        }

        /// Serves some models, now and then at the cost of jobs of others.
        private mutating func serve() async throws -> String {
            var models: [String: String] = [:]
            for digest in ["aa", "bb", "cc"] where Bool.random(using: &random) {
                models[digest] = Bool.random(using: &random) ? "tiny" : "other"
            }
            let missing = Int.random(in: 0..<4, using: &random) == 0 ? MissingModel.fail : .wait
            let before = Set(model.queued(claimable: true).map(\.id))
            let change = try await store.serve(ServedModels(models), missing: missing)
            model.serve(models, missing: missing)
            let after = Set(model.queued(claimable: true).map(\.id))
            #expect(change.arrived.values.reduce(0) { $0 + $1.jobs } == after.subtracting(before).count)
            #expect(change.left.values.reduce(0) { $0 + $1.jobs } == before.subtracting(after).count)
            #expect(change.missing.reduce(0) { $0 + $1.jobs } == model.queued(claimable: false).count)
            try await expire()
            return "serve \(models), \(missing)"
        }

        /// Hands in a batch, or one job, with a key that has come before or has not.
        private mutating func submit() async throws -> String {
            let new = newJob()
            let key = "\(Int.random(in: 0..<5, using: &random))"
            let jobs = [NewJob](repeating: new, count: Int.random(in: 1...3, using: &random))
            let idempotency = IdempotencyKey(client: "a", text: key, fingerprint: "f")
            let submission =
                jobs.count == 1 ? Submission(new, key: idempotency) : Submission(batch: jobs, key: idempotency)
            let known = model.answer(to: key)
            let receipt = try await store.submit(submission)
            if known.isEmpty {
                #expect(receipt.origin == .new && receipt.jobs.count == jobs.count)
                model.keys[key] = receipt.jobs.map(\.id)
                model.insert(receipt.jobs, new, now: clock.now)
                ids += receipt.jobs.map(\.id)
                try await expire()
            } else {
                #expect(receipt.origin == .replayed && receipt.jobs.map(\.id) == known)
            }
            return "submit \(jobs.count) as \(key)"
        }

        /// Takes notes that are due, and says something of each.
        private mutating func callbacks() async throws -> String {
            let limit = Int.random(in: 1...3, using: &random)
            let notes = try await store.takeCallbacks(limit: limit)
            #expect(notes.map(\.job.id) == model.take(limit: limit, now: clock.now))
            for note in notes {
                #expect(note.tries == model.entries.first { $0.id == note.job.id }?.note?.tries)
                switch Int.random(in: 0..<3, using: &random) {
                case 0:
                    try await store.settleCallback(of: note.job.id, .settled)
                    model.settle(note.job.id, retryAt: nil)
                case 1:
                    try await store.settleCallback(of: note.job.id, .retry(after: .seconds(5)))
                    model.settle(note.job.id, retryAt: clock.now + .seconds(5))
                default: break
                }
            }
            try await expire()
            return "\(notes.count) callbacks"
        }

        private mutating func expire() async throws {
            let lapsed = model.lapse(now: clock.now)
            let late = model.expire(now: clock.now)
            let expired = try await store.expire()
            #expect(Set(expired.overdue.map(\.id)) == late && Set(expired.lapsed.map(\.id)) == lapsed)
        }

        /// Renews some of the last claims, good ones and others.
        private mutating func renew() async throws -> String {
            var some: [ClaimToken] = []
            for token in tokens.suffix(8) where Bool.random(using: &random) { some.append(token) }
            let back = some.filter { token in model.entries.contains { $0.lapsed == token } }.map(\.job)
            let renewals = try await store.renew(some)
            #expect(renewals.compactMap(\.regained?.id) == back)
            var expected: [ClaimStanding] = []
            for token in some { expected.append(model.renew(token, now: clock.now)) }
            #expect(renewals.map(\.standing) == expected)
            return "renew \(some.count)"
        }

        private mutating func claim() async throws -> String {
            let limit = Int.random(in: 0...3, using: &random)
            let claimed = try await store.claim(limit: limit)
            #expect(claimed.map(\.id) == model.claim(claimed, limit: limit, now: clock.now))
            #expect(Set(tokens).isDisjoint(with: claimed.map(\.token)), "a token is never given twice")
            tokens += claimed.map(\.token)
            return "claim \(limit)"
        }

        private mutating func complete(_ token: ClaimToken) async throws -> String {
            let outcome = [JobOutcome.done, .broken, .cancelled].randomElement(using: &random) ?? .done
            let isHeld = model.canEnd(token)
            #expect(try await (store.complete(token, with: outcome) != nil) == isHeld)
            model.complete(token, outcome, now: clock.now)
            return "complete \(outcome.status)"
        }

        /// Everything that can be seen of the store has to be what the model says. Lists of one status and batches are looked
        /// at by chance, each time another, and now and then wholly.
        mutating func compare(_ comment: String, wholly: Bool) async throws {
            let jobs = try await store.list(status: nil, limit: .max, before: nil)
            let seen = jobs.reversed().map {
                "\($0.id) \($0.status) \($0.attempt) \($0.partsDone) \($0.modelSHA256 ?? "")"
            }
            let expected = model.entries.map {
                "\($0.id) \($0.status) \($0.attempt) \($0.partsDone) \($0.model.sha256 ?? "")"
            }
            #expect(seen == expected, "\(comment)")
            let counts = try await store.counts()
            let queued = model.entries.filter { $0.status == .queued }
            #expect(counts.queued == queued.count, "\(comment)")
            #expect(counts.queuedParts == queued.reduce(0) { $0 + $1.parts }, "\(comment)")
            #expect(counts.total == model.entries.count, "\(comment)")
            let census = try await store.census()
            for status in JobStatus.allCases {
                #expect(census?.jobs[status] == model.entries.count { $0.status == status }, "\(comment): \(status)")
            }
            #expect(census?.lines.reduce(0) { $0 + $1.jobs } == queued.count, "\(comment)")
            let statuses = JobStatus.allCases.shuffled(using: &random).prefix(wholly ? .max : 1)
            for status in statuses {
                let listed = try await store.list(status: status, limit: .max, before: nil).map(\.id)
                #expect(listed == model.entries.filter { $0.status == status }.map(\.id).reversed(), "\(comment)")
            }
            let batches = Dictionary(grouping: model.entries.filter { $0.batch != nil }, by: \.batch)
                .sorted { $0.value[0].id < $1.value[0].id }
            for (batch, entries) in batches.shuffled(using: &random).prefix(wholly ? .max : 1) {
                guard let batch else { continue }
                #expect(try await store.batch(batch)?.jobs.map(\.id) == entries.map(\.id), "\(comment)")
            }
            let claimable = model.queued(claimable: true).count
            for isLong in [false, true] {
                let count = model.queued(claimable: true).count { $0.isLong == isLong }
                let lane = jobs.filter { ($0.parts >= 2_000) == isLong }
                #expect(lane.compactMap(\.queuePosition).sorted() == (0..<count).map { $0 + 1 }, "\(comment)")
            }
            #expect(counts.queuedByClient.values.reduce(0) { $0 + $1.jobs } == claimable, "\(comment)")
            let waiting = Dictionary(grouping: model.queued(claimable: false), by: \.model).mapValues(\.count)
            let found = try await store.waitingJobs()
            #expect(Dictionary(uniqueKeysWithValues: found.map { ($0.model, $0.jobs) }) == waiting, "\(comment)")
        }
    }
}
