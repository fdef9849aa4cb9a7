import Logging
import Platform

/// Works on the jobs of a ``Backlog``, on threads of its own.
///
/// Two halves meet in the ``Crew``. A task, the dispatcher, claims jobs each time the backlog's bell has rung and hands
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
    public init(backlog: Backlog, processor: Processor, workers: Int) {
        self.backlog = backlog
        crew = Crew(processor: processor, size: max(workers, 1), backlog: backlog)
    }

    /// Starts the threads and begins to claim. Call it once.
    ///
    /// - Parameters:
    ///   - models: the models that the workers serve, every one where it is nil; it may take a while to say, and nothing
    ///     is claimed before
    ///   - missing: what becomes of the jobs of others
    /// - Throws: `noThread`; the pool must then be drained too.
    public func start(
        serving models: (@Sendable () async -> ServedModels)? = nil, missing: MissingModel = .wait
    ) throws(WorkerPoolError) {
        backlog.attach(workers: crew.size) { [self] in
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
