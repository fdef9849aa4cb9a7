import HTTP
import Jobs
import Platform
import Synchronization
import VadCLIP

/// Tells one client what becomes of a job: looks, says what is new, and waits until it is woken.
///
/// It keeps nothing for the client but its position, so a slow one is told less often and costs no more. The scores of a
/// job that runs in this process come from its workers' hands; what is left when it has ended, and all scores of a job
/// that another process ran, come from the result.
struct JobEventStream {
    /// Bytes that are gathered before they are written.
    private static let batch = 32 << 10
    /// How long a client that lost the stream waits before it comes back, in milliseconds.
    private static let retry = 2_000
    /// Between two tries where the store fails or memory is short.
    private static let pause = Duration.milliseconds(500)

    private let service: VigilService
    /// How the job is cut: by the model that it is for, as far as that is known. A result says it too.
    private var chunks: Chunks
    private let watch: Watch
    private let writer: ResponseWriter
    /// Who takes the stream.
    private let client: String
    /// The client's taking of a stored result while it is told.
    private var taking: AnswerBudget.Taking?
    /// Whether the client has ended its side, and nothing has been written since.
    private let doubt = Doubt()
    private var events: JobEvents
    private var pending: [UInt8] = []
    private var silentSince: MonotonicTime
    /// The job as it ended, once that is known.
    private var ended: Job?
    /// The job as it was at the last look.
    private var last: Job

    /// The job is no longer there: it was deleted, or has expired.
    private struct JobIsGone: Error {}

    private final class Doubt: Sendable {
        let isRaised = Atomic(false)
    }

    init(
        of job: Job, from position: EventPosition, service: VigilService, writer: ResponseWriter, client: String
    ) {
        self.client = client
        self.service = service
        last = job
        let version = service.models.version(of: job.modelID) ?? service.models.default
        chunks = Chunks(snippets: ScoreSubject(of: job)?.snippets ?? 0, length: version.model.configuration.length)
        self.writer = writer
        watch = service.backlog.watch(job.id)
        events = JobEvents(from: position)
        silentSince = service.backlog.now
    }

    /// Goes on until all is said or the process leaves.
    ///
    /// - Throws: where the client is gone, or the result can't be read, so that the client is to see the stream cut.
    mutating func run() async throws {
        do { try await follow() } catch is JobIsGone {
            pending += events.end(ofGone: ended ?? last)
            try await flush()
        }
    }

    private mutating func follow() async throws {
        writer.whenInputEnds { [weak watch, doubt] in
            doubt.isRaised.store(true, ordering: .relaxed)
            watch?.wake()
        }
        pending = ServerEvent.retry(milliseconds: Self.retry)
        var isLast = false
        while true {
            let job = try await look()
            if let job {
                last = job
                pending += events.news(of: job)
                if job.status.isEnded { return try await finish(job) }
                try await tellFinishedParts()
            }
            try await flush()
            if isLast { return }
            // Where the store gave no answer there will be no wake either.
            let silence = silentSince + service.settings.keepAliveInterval
            switch await watch.next(until: job == nil ? min(service.backlog.now + Self.pause, silence) : silence) {
            case .changed: break
            case .ended(let job): ended = job
            case .closed: isLast = true
            case .timeUp: if service.backlog.now >= silence { pending = ServerEvent.keepAlive }
            case .cancelled: throw CancellationError()
            }
            // Only a write tells a client that is gone from one that has no more to ask.
            if doubt.isRaised.exchange(false, ordering: .relaxed), pending.isEmpty { pending = ServerEvent.keepAlive }
        }
    }

    /// The job as it is; nil where the store does not say.
    private func look() async throws -> Job? {
        if let ended { return ended }
        let job: Job?
        do { job = try await service.backlog.job(watch.id) } catch { return nil }
        guard let job else { throw JobIsGone() }
        return job
    }

    /// Tells the chunks that workers have finished since.
    private mutating func tellFinishedParts() async throws {
        while let parts = service.pool.partResults(of: watch.id, from: events.nextChunk), !parts.results.isEmpty {
            chunks = parts.plan.chunks
            let labels = parts.plan.classes.labels
            for result in parts.results {
                let told = try await tell { _ in
                    (result.logits(classes: labels.count), labels, parts.plan.options)
                }
                guard told else { return }
            }
        }
    }

    /// Tells the next chunk, and says whether it was fit to be told: a job with scores that are not finite will fail.
    ///
    /// - Parameter scores: gives the logits of a chunk's snippets; not asked where somebody was told the chunk lately
    private mutating func tell(
        _ scores: (Range<Int>) -> (logits: Logits, labels: [String], options: ScoreOptions)?
    ) async throws -> Bool {
        let chunk = events.nextChunk
        guard chunk < chunks.count else { return false }
        let range = chunks[chunk]
        let key = RecentEvents.Key(job: watch.id, chunk: chunk, start: range.lowerBound)
        if let event = service.results.events[key] {
            pending += event
        } else {
            guard let (logits, labels, options) = scores(range), range.count == logits.snippets,
                logits.firstNotFinite == nil
            else { return false }
            let event = JobEvents.scores(
                ChunkDocument(chunk: chunk, range: range, labels: labels, logits: logits, showsLogits: options.logits))
            service.results.events.keep(event, as: key)
            pending += event
        }
        events.tellChunk()
        if pending.count > Self.batch { try await flush() }
        return true
    }

    /// Tells the scores that are left, and the end.
    private mutating func finish(_ job: Job) async throws {
        if job.status == .succeeded, events.nextChunk < job.parts { try await tellStored(job) }
        pending += events.end(of: job)
        try await flush()
    }

    private mutating func tellStored(_ job: Job) async throws {
        // Before anything is read: a client that is gone is told from the others by a write alone.
        try await flush()
        let result = try await stored(job)
        defer { taking = nil }
        let logits = result.logits
        guard logits.snippets == chunks.snippets else { throw Self.unreadable(job) }
        if let length = logits.length { chunks = Chunks(snippets: logits.snippets, length: length) }
        while events.nextChunk < chunks.count {
            let told = try await tell { range in logits.logits(of: range).map { ($0, logits.labels, logits.options) } }
            guard told else { break }
        }
        taking?.end()
        withExtendedLifetime(result) {}
    }

    /// The stored result, once there is room to hold it; read once for all who tell it now.
    private mutating func stored(_ job: Job) async throws -> StoredResult {
        while true {
            do {
                let result = try await service.results.stored.value(of: job.id) { [service] in
                    try await Self.read(job, service)
                }
                taking = result.share.begin(for: client) { [writer] in writer.cut() }
                guard taking != nil else { throw NoRoom() }
                return result
            } catch is NoRoom {
                pending += ServerEvent.keepAlive
                try await flush()
                if await watch.next(until: service.backlog.now + Self.pause) == .cancelled { throw CancellationError() }
            }
        }
    }

    /// Others hold too many large answers.
    private struct NoRoom: Error {}

    private static func read(_ job: Job, _ service: VigilService) async throws -> StoredResult {
        // Before the result is read: that is what takes the memory.
        guard let share = service.answers.take(job.outputBytes ?? 0) else { throw NoRoom() }
        let output: JobOutput?
        // Not fetched by this: segments and summary are still to be had.
        do throws(JobStoreError) { output = try await service.backlog.output(job.id, fetching: false) } catch {
            throw Problem.store(error)
        }
        guard let output else { throw JobIsGone() }
        guard let logits = StoredLogits(encoded: output.body) else { throw unreadable(job) }
        return StoredResult(logits, holding: share)
    }

    private static func unreadable(_ job: Job) -> HTTPProblem {
        Problem.store(.damaged(job.id, "its result can't be read"))
    }

    private mutating func flush() async throws {
        guard !pending.isEmpty else { return }
        let bytes = pending
        pending = []
        try await writer.write(bytes)
        taking?.sent(bytes.count)
        silentSince = service.backlog.now
    }
}
