import Jobs
import Platform
import VadCLIP

/// Follows one job for one who tells of it: looks, says what there is, and waits until it is woken.
///
/// It keeps nothing but how far it has come, so a slow teller costs no more than a quick one. The scores of a job that runs
/// in this process come from its workers' hands; what is left when it has ended, and all scores of a job that another
/// process ran, come from the result.
package struct JobFollower {
    /// What there is to tell.
    package enum News {
        /// The job as it is now.
        case job(Job)
        /// The next chunk has scores: `advance` says that they were told, `passOver` that they can't be.
        case chunk(FollowedChunk)
        /// For now there is no more: what was gathered is to be sent before the next call, which may wait.
        case settled
        /// The wait is over, for a reason or because of the time.
        case woken(isTimeUp: Bool)
        /// Others hold too many results; it is tried again after a pause.
        case crowded
        /// All is told but the end: the job as it ended.
        case ended(Job)
        /// The job is no longer there: it was deleted, or has expired. As it was known last.
        case gone(Job)
        /// The process leaves.
        case left
    }

    private enum State {
        case looking
        case working
        case waiting(isBlind: Bool)
        case ending(Job)
        case fetching(Job)
        case crowded(Job)
        case telling(Job, StoredResult)
        case over
    }

    private struct JobIsGone: Error {}
    /// Others hold too many results.
    private struct NoRoom: Error {}

    /// Between two tries where the store fails or memory is short.
    private static let pause = Duration.milliseconds(500)

    private let service: ScoringService
    private let watch: Watch
    /// Who takes what is told.
    private let client: String
    /// Ends the client's connection, where others need the room that it holds.
    private let cut: @Sendable () -> Void
    /// How the job is cut: by the model that it is for, as far as that is known. A result says it too.
    private var chunks: Chunks
    private var state = State.looking
    /// The chunk that comes next.
    private var nextChunk: Int
    /// Chunks that workers have finished and that were not told yet.
    private var parts: (plan: ScoringWork.Plan, results: ArraySlice<ScoringWork.PartResult>)?
    /// The client's taking of a stored result while it is told.
    private var taking: AnswerBudget.Taking?
    /// The job as it ended, once that is known.
    private var ended: Job?
    /// The job as it was at the last look.
    private var last: Job
    private var isLeaving = false

    /// Follows `job` from a chunk on. Whoever takes too long to take its result is cut off by `cut`.
    package init(
        of job: Job, from chunk: Int, in service: ScoringService, for client: String,
        cut: @escaping @Sendable () -> Void
    ) {
        self.service = service
        self.client = client
        self.cut = cut
        last = job
        nextChunk = chunk
        let version = service.models.version(of: job.modelID) ?? service.models.default
        chunks = Chunks(snippets: JobFacts(of: job)?.snippets ?? 0, length: version.model.configuration.length)
        watch = service.backlog.watch(job.id)
    }

    /// Ends a wait, as a change of the job does; as long as the job is followed.
    package var wake: @Sendable () -> Void { { [weak watch] in watch?.wake() } }

    /// The chunk that was news was told.
    package mutating func advance() {
        nextChunk += 1
        _ = parts?.results.popFirst()
    }

    /// The chunk that was news can't be told, and none behind it: a job with scores that are not finite will fail.
    package mutating func passOver() {
        switch state {
        case .working:
            parts = nil
            state = .waiting(isBlind: false)
        case .telling(let job, _): end(job)
        default: break
        }
    }

    /// So many bytes were sent to the client.
    package func sent(_ bytes: Int) { taking?.sent(bytes) }

    /// What there is to tell next; waits where there is nothing.
    ///
    /// - Parameter time: a wait is no longer than this
    /// - Throws: `CancellationError`, or a ``ScoringError`` where the result can't be read
    package mutating func next(waitingUntil time: MonotonicTime) async throws -> News {
        do { return try await step(time) } catch is JobIsGone {
            state = .over
            return .gone(ended ?? last)
        }
    }

    private mutating func step(_ time: MonotonicTime) async throws -> News {
        switch state {
        case .looking:
            guard let job = try await look() else {
                // The store gave no answer, so that there will be no wake either.
                state = .waiting(isBlind: true)
                return .settled
            }
            last = job
            state = job.status.isEnded ? .ending(job) : .working
            return .job(job)
        case .working:
            if let chunk = finishedPart() { return .chunk(chunk) }
            state = .waiting(isBlind: false)
            return .settled
        case .waiting(let isBlind):
            return try await wait(until: isBlind ? min(service.backlog.now + Self.pause, time) : time)
        case .ending(let job):
            guard job.status == .succeeded, nextChunk < Self.chunks(of: job) else {
                state = .over
                return .ended(job)
            }
            // Before anything is read: a client that is gone is told from the others by a write alone.
            state = .fetching(job)
            return .settled
        case .fetching(let job): return try await fetch(job, time)
        case .crowded(let job):
            if await watch.next(until: service.backlog.now + Self.pause) == .cancelled { throw CancellationError() }
            state = .fetching(job)
            return try await step(time)
        case .telling(let job, let result):
            if nextChunk < chunks.count {
                return .chunk(FollowedChunk(of: job.id, nextChunk, chunks[nextChunk], .stored(result.logits)))
            }
            end(job)
            return try await step(time)
        case .over:
            return .left
        }
    }

    /// The job as it is; nil where the store does not say.
    private func look() async throws(JobIsGone) -> Job? {
        if let ended { return ended }
        let job: Job?
        do { job = try await service.backlog.job(watch.id) } catch { return nil }
        guard let job else { throw JobIsGone() }
        return job
    }

    /// The next chunk, where a worker has finished it.
    private mutating func finishedPart() -> FollowedChunk? {
        if parts?.results.isEmpty ?? true {
            parts = service.pool.partResults(of: watch.id, from: nextChunk).map { ($0.plan, $0.results[...]) }
        }
        guard let parts, let result = parts.results.first else { return nil }
        chunks = parts.plan.chunks
        guard nextChunk < chunks.count else { return nil }
        return FollowedChunk(of: watch.id, nextChunk, chunks[nextChunk], .part(result, parts.plan))
    }

    private mutating func wait(until time: MonotonicTime) async throws -> News {
        if isLeaving { return .left }
        state = .looking
        // What was not told of it is asked for again.
        parts = nil
        switch await watch.next(until: time) {
        case .changed: break
        case .ended(let job): ended = job
        case .closed: isLeaving = true
        case .timeUp: return .woken(isTimeUp: true)
        case .cancelled: throw CancellationError()
        }
        return .woken(isTimeUp: false)
    }

    /// Reads the stored result, once there is room to hold it; once for all who tell it now.
    private mutating func fetch(_ job: Job, _ time: MonotonicTime) async throws -> News {
        let result: StoredResult
        do {
            result = try await service.stored.value(of: job.id) { [service] in try await Self.read(job, service) }
            taking = result.share.begin(for: client, cut: cut)
            guard taking != nil else { throw NoRoom() }
        } catch is NoRoom {
            state = .crowded(job)
            return .crowded
        }
        guard result.logits.snippets == JobFacts(of: job)?.snippets ?? chunks.snippets else {
            throw Self.unreadable(job)
        }
        chunks = Chunks(snippets: result.logits.snippets, length: chunks.length)
        if let length = result.logits.result.length { chunks = Chunks(snippets: chunks.snippets, length: length) }
        state = .telling(job, result)
        return try await step(time)
    }

    private static func chunks(of job: Job) -> Int { JobFacts(of: job)?.chunks ?? job.parts }

    private mutating func end(_ job: Job) {
        taking?.end()
        taking = nil
        nextChunk = max(nextChunk, Self.chunks(of: job))
        state = .ending(job)
    }

    private static func read(_ job: Job, _ service: ScoringService) async throws -> StoredResult {
        // Before the result is read: that is what takes the memory.
        guard let share = service.answers.take(job.outputBytes ?? 0) else { throw NoRoom() }
        let output: JobOutput?
        // Not fetched by this: segments and summary are still to be had.
        do throws(JobStoreError) { output = try await service.backlog.output(job.id, fetching: false) } catch {
            throw ScoringError.store(error)
        }
        guard let output else { throw JobIsGone() }
        guard let logits = StoredLogits(encoded: output.body) else { throw unreadable(job) }
        return StoredResult(logits, holding: share)
    }

    private static func unreadable(_ job: Job) -> ScoringError {
        .store(.damaged(job.id, "its result can't be read"))
    }
}

/// A chunk of a followed job that has scores.
package struct FollowedChunk: Sendable {
    fileprivate enum Source: Sendable {
        case part(ScoringWork.PartResult, ScoringWork.Plan)
        case stored(StoredLogits)
    }

    /// The job.
    package let job: JobID
    /// The chunk, from 0.
    package let number: Int
    /// Its snippets.
    package let range: Range<Int>
    private let source: Source

    fileprivate init(of job: JobID, _ number: Int, _ range: Range<Int>, _ source: Source) {
        self.job = job
        self.number = number
        self.range = range
        self.source = source
    }

    /// What there is to say of the video that its features were made of, once the job has ended.
    package var video: VideoSource? {
        if case .stored(let stored) = source { stored.result.source } else { nil }
    }

    /// Its logits, with the labels and options of the job; nil where they can't be told. They are made when asked for, as
    /// somebody may have been told the chunk lately.
    package var scores: (logits: Logits, labels: [String], kind: ModelKind, options: ScoreOptions)? {
        let found: (logits: Logits, labels: [String], kind: ModelKind, options: ScoreOptions)?
        switch source {
        case .part(let result, let plan):
            let labels = plan.classes.labels
            let kind = plan.version.model.configuration.kind
            found = (result.logits(classes: labels.count), labels, kind, plan.options)
        case .stored(let stored):
            let result = stored.result
            found = stored.logits(of: range).map { ($0, result.labels, result.kind, result.options) }
        }
        guard let found, found.logits.snippets == range.count, found.logits.firstNotFinite == nil else { return nil }
        return found
    }
}

/// A stored result, and the room that it takes.
final class StoredResult: Sendable {
    let logits: StoredLogits
    let share: AnswerBudget.Share

    init(_ logits: StoredLogits, holding share: AnswerBudget.Share) {
        self.logits = logits
        self.share = share
    }
}
