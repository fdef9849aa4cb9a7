import Logging
import Platform

/// Works on the jobs of a ``Backlog``, on threads of its own.
///
/// Two halves meet in the `Crew`. A task, the dispatcher, claims jobs each time the backlog's bell has rung and hands
/// them to the crew; the crew's threads do their steps. The bell rings after every change that makes a claim possible:
/// a job was queued, or one left the crew. So the dispatcher looks after the last such change, and none is missed.
/// Ends and progress are written by tasks; threads never wait for the store.
///
/// A pool that was started must be drained; it lives until then.
public final class WorkerPool<Processor: JobProcessor>: Sendable {
    /// Room for deep frames with large local arrays; it is only address space until it is used.
    private static var stackBytes: Int { 8 << 20 }

    let backlog: Backlog
    let crew: Crew<Processor>
    var logger: Logger { backlog.logger }

    /// A pool of `workers` threads, at least one, that work on what is in `backlog`.
    ///
    /// - Parameters:
    ///   - backlog: where jobs wait
    ///   - processor: does the parts
    ///   - workers: how many threads
    ///   - processors: up to so many threads at work one who has nothing to do helps another
    public init(
        backlog: Backlog, processor: Processor, workers: Int, processors: Int = ProcessLimits.atStart.threads
    ) {
        self.backlog = backlog
        crew = Crew(processor: processor, size: max(workers, 1), backlog: backlog, processors: processors)
    }

    /// Starts the threads and begins to claim. Call it once.
    ///
    /// - Parameters:
    ///   - models: the models that the workers serve, every one where it is nil; it may take a while to say, and nothing
    ///     is claimed before
    ///   - missing: what becomes of the jobs of others
    ///   - told: called once the store knows what `models` said
    /// - Throws: `noThread`; the pool must then be drained too.
    public func start(
        serving models: (@Sendable () async -> ServedModels)? = nil, missing: MissingModel = .wait,
        told: @escaping @Sendable () -> Void = {}
    ) throws(WorkerPoolError) {
        backlog.attach(
            workers: crew.size, isSerial: { [self] in crew.processor.isSerial(kind: $0) },
            expected: { [self] in crew.processor.expectedSeconds(of: $0) },
            inHand: { [self] in crew.health.runningJobs }
        ) { [self] in
            await renewClaims()
        } stopRunning: { [self] id in
            if let report = crew.cancel(id) { send(report) }
        }
        for worker in 0..<crew.size {
            crew.update { $0.alive += 1 }
            let code = OwnThread.run(name: "vigil-worker-\(worker)", stackBytes: Self.stackBytes) { [self] in
                crew.work(as: worker, report: send)
            }
            if code != 0 {
                crew.update { $0.alive -= 1 }
                throw .noThread(worker: worker, code: code)
            }
        }
        crew.update { $0.pending += 1 }
        Task {
            if let models { await serve(models(), missing: missing) }
            told()
            if crew.isClaiming { backlog.store.offer(to: self) }
            await dispatch()
            crew.settlePending()
        }
        backlog.bell.ring()
    }

    /// How the workers are.
    public var health: PoolHealth { crew.health }

    /// Claims nothing more, finishes the jobs that were begun, and gives the others back to the queue.
    ///
    /// - Parameter limit: how long the jobs that were begun may take; what is not finished then is given back too.
    ///   A worker that is still at a part is left to itself, and what it makes is dropped.
    @discardableResult
    public func drain(within limit: Duration) async -> DrainReport {
        let deadline = backlog.clock.now + limit
        var released = await release(crew.beginDraining())
        backlog.bell.ring()
        _ = await crew.reaches({ $0.jobs.isEmpty && $0.pending == 0 }, until: deadline)
        let (tokens, busy) = crew.leave()
        released += await release(tokens)
        if busy == 0 { _ = await crew.reaches({ $0.alive == 0 }, until: backlog.clock.now + .seconds(5)) }
        backlog.store.offer(to: nil)
        backlog.detach()
        return DrainReport(released: released, stillBusy: busy)
    }

    /// Gives claims back, and says how many that were.
    func release(_ tokens: [ClaimToken]) async -> Int {
        var released = 0
        for token in tokens {
            do throws(JobStoreError) {
                try await backlog.release(token, as: .unspent)
                released += 1
            } catch {
                logger.error("job \(token.job) could not be given back: \(error)")
            }
        }
        return released
    }
}

extension WorkerPool {
    /// Says which models are served, again and again while the store fails: without that nothing may be claimed.
    func serve(_ models: ServedModels, missing: MissingModel) async {
        while crew.isClaiming {
            do {
                return try await backlog.serve(models, missing: missing)
            } catch {
                logger.error("the store can't be told which models are served: \(error)")
                try? await backlog.clock.sleep(until: backlog.clock.now + .seconds(1))
            }
        }
    }

    /// After each ring claims as many jobs as the crew has room for.
    ///
    /// When it gets fewer, the queue was empty and the next job rings, or the next in it is long; when it gets all, the crew is
    /// full. In both cases the next job that leaves the crew rings.
    private func dispatch() async {
        while crew.isClaiming {
            await backlog.bell.wait()
            guard let limit = crew.beginClaim() else { continue }
            _ = await release(crew.admit(await claim(limit)))
            if crew.endClaim() { backlog.bell.ring() }
        }
    }

    /// Claims jobs; when the store fails, none, and rings again a second later.
    private func claim(_ limit: ClaimLimit) async -> [ClaimedJob] {
        do {
            return try await backlog.claim(limit)
        } catch {
            logger.error("no job could be claimed: \(error)")
            Task {
                try? await backlog.clock.sleep(until: backlog.clock.now + .seconds(1))
                backlog.bell.ring()
            }
            return []
        }
    }

    /// Says of all claims that somebody works on them, or on writing their ends.
    func renewClaims() async {
        let tokens = crew.claims
        guard !tokens.isEmpty else { return }
        do {
            for (token, renewal) in zip(tokens, try await backlog.renew(tokens)) {
                follow(renewal.standing, of: token)
            }
        } catch {
            logger.warning("claims could not be renewed: \(error)")
        }
    }

    /// Goes on with a job, or does not.
    private func follow(_ standing: ClaimStanding, of token: ClaimToken) {
        switch standing {
        case .held: break
        case .cancelRequested: if let report = crew.cancel(token.job) { send(report) }
        case .lost:
            crew.giveUp(token)
            backlog.note(nil, of: token.job)
            backlog.bell.ring()
        }
    }

    /// Has a task tell the backlog, and rings if a job has left the crew.
    func send(_ report: CrewReport) {
        switch report {
        case .progress(let token, let partsDone, _, let trial):
            if trial == .over {
                logger.notice("a job that was tried alone has gone on", metadata: ["job": "\(token.job)"])
            }
            Task {
                await tell(progress: partsDone, of: token)
                // Others were held back until it went on.
                if trial != .none { backlog.bell.ring() }
                crew.settlePending()
            }
        case .end(let token, let outcome, let timings, let parts, let workerTime, let helpTime):
            if parts > 0 { backlog.measure(parts: parts, workerTime: workerTime, helpTime: helpTime) }
            backlog.bell.ring()
            Task {
                await tell(outcome, of: token, timings: timings)
                crew.settlePending(token)
            }
        case .giveBack(let token, let interruption):
            if let interruption { logger.warning("job \(token.job) is given back to the queue: \(interruption)") }
            // Whoever ends this process may have begun with what works for it.
            let release = crew.isClaiming ? interruption.map { Release.interrupted($0) } ?? .unspent : .unspent
            Task {
                await insist("job \(token.job) could not be given back") { () throws(JobStoreError) in
                    try await backlog.release(token, as: release)
                }
                backlog.bell.ring()
                crew.settlePending(token)
            }
        }
    }

    /// Notes progress; learns from the answer whether to go on.
    private func tell(progress partsDone: Int, of token: ClaimToken) async {
        do {
            follow(try await backlog.reportProgress(token, partsDone: partsDone), of: token)
        } catch {
            logger.warning("progress of job \(token.job) could not be noted: \(error)")
        }
    }

    /// Writes an end: the work is done and would be lost.
    private func tell(_ outcome: JobOutcome, of token: ClaimToken, timings: JobTimings?) async {
        let began = backlog.clock.now
        await insist("the end of job \(token.job) could not be written") { () throws(JobStoreError) in
            try await backlog.complete(token, with: outcome, timings: timings, since: began)
        }
    }

    /// Tells the store something again and again while it fails: without that a job would be running for ever. Once the
    /// process leaves, the next one does it again.
    private func insist(
        _ failure: @autoclosure () -> String, _ tell: () async throws(JobStoreError) -> Void
    ) async {
        var pauses = [Duration.milliseconds(100), .milliseconds(500), .seconds(2)].makeIterator()
        var tries = 0
        while true {
            do {
                return try await tell()
            } catch {
                tries += 1
                logger.error("\(failure()): \(error)")
                if tries >= 5, !crew.isClaiming { return }
                try? await backlog.clock.sleep(until: backlog.clock.now + (pauses.next() ?? .seconds(5)))
            }
        }
    }
}

/// How the workers are.
public struct PoolHealth: Sendable, Equatable {
    /// What a worker is doing.
    public struct Activity: Sendable, Equatable {
        /// The worker, from 0.
        public let worker: Int
        /// The job it works on.
        public let job: JobID
        /// The part; nil while it plans the job or puts it together.
        public let part: Int?
        /// How long it has been at it.
        public let elapsed: Duration
    }

    /// How many workers there should be.
    public let workers: Int
    /// How many threads are there.
    public let alive: Int
    /// The jobs in the workers' hands.
    public let runningJobs: Int
    /// What those who are at a step do.
    public let activities: [Activity]
    /// How many help another with its step.
    public let helping: Int
    /// The job that is worked on alone, since it ran when a process ended.
    public let alone: JobID?

    /// What those who sit at `desks` do.
    static func activities(at desks: [Desk?], now: MonotonicTime) -> [Activity] {
        var activities: [Activity] = []
        for worker in 0..<desks.count {
            guard let desk = desks[worker] else { continue }
            activities.append(Activity(worker: worker, job: desk.job, part: desk.part, elapsed: now - desk.since))
        }
        return activities
    }

    /// How many workers are busy, with a step of their own or with another's.
    public var busy: Int { activities.count + helping }

    /// Those that are at the same part for longer than any part should take.
    public func stuck(longerThan limit: Duration) -> [Activity] {
        activities.filter { $0.elapsed > limit }
    }
}

/// How a pool left.
public struct DrainReport: Sendable, Equatable {
    /// How many jobs were given back to the queue.
    public let released: Int
    /// How many workers were still at work when the time was up.
    public let stillBusy: Int
}

/// Why a pool could not begin.
public enum WorkerPoolError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The system gave no thread.
    case noThread(worker: Int, code: Int32)

    /// What was wrong, in a sentence.
    public var description: String {
        switch self {
        case .noThread(let worker, let code):
            "Worker \(worker) got no thread: \(errnoText(code)) (error \(code))."
        }
    }
}
