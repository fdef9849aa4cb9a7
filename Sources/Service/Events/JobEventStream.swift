import HTTP
import Jobs
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
    /// How the job is cut: by the model that it is for, which need not be the one that is served.
    private var chunks: Chunks
    private let watch: Watch
    private let writer: ResponseWriter
    /// Who takes the stream.
    private let client: String
    /// The room for a stored result while it is told.
    private var share: AnswerBudget.Share?
    /// Whether the client has ended its side, and nothing has been written since.
    private let doubt = Doubt()
    private var events: JobEvents
    private var pending: [UInt8] = []
    private var silentSince: MonotonicTime
    /// The job as it ended, once that is known.
    private var ended: Job?

    private final class Doubt: Sendable {
        let isRaised = Atomic(false)
    }

    init(
        of job: Job, from position: EventPosition, service: VigilService, writer: ResponseWriter, client: String
    ) {
        self.client = client
        self.service = service
        chunks = Chunks(snippets: job.snippets, length: service.model.configuration.length)
        self.writer = writer
        watch = service.backlog.watch(job.id)
        events = JobEvents(from: position)
        silentSince = service.backlog.now
    }

    /// Goes on until all is said or the process leaves.
    ///
    /// - Throws: where the client is gone, or the job is, so that the client is to see the stream cut.
    mutating func run() async throws {
        writer.whenInputEnds { [weak watch, doubt] in
            doubt.isRaised.store(true, ordering: .relaxed)
            watch?.wake()
        }
        pending = ServerEvent.retry(milliseconds: Self.retry)
        var isLast = false
        while true {
            let job = try await look()
            if let job {
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
        guard let job else { throw Problem.unknownJob(watch.id.description) }
        return job
    }

    /// Tells the chunks that workers have finished since.
    private mutating func tellFinishedParts() async throws {
        while let parts = service.pool.partResults(of: watch.id, from: events.nextChunk), !parts.results.isEmpty {
            chunks = parts.plan.chunks
            for result in parts.results {
                let told = try await tell(
                    result.logits(classes: parts.plan.classes.labels.count), parts.plan.classes.labels,
                    parts.plan.options)
                guard told else { return }
            }
        }
    }

    /// Tells the next chunk, and says whether it was fit to be told: a job with scores that are not finite will fail.
    private mutating func tell(_ logits: Logits, _ labels: [String], _ options: ScoreOptions) async throws -> Bool {
        let chunk = events.nextChunk
        guard chunk < chunks.count, chunks[chunk].count == logits.snippets, logits.firstNotFinite == nil else {
            return false
        }
        pending += events.scores(
            ChunkDocument(
                chunk: chunk, range: chunks[chunk], labels: labels, logits: logits, showsLogits: options.logits))
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
        // Before the result is read: that is what takes the memory.
        let share = try await room(for: job.outputBytes ?? 0)
        share.begin { [writer] in writer.cut() }
        self.share = share
        defer { self.share = nil }
        // Not fetched by this: segments and summary are still to be had.
        guard let output = try await service.backlog.output(job.id, fetching: false) else {
            throw Problem.unknownJob(job.id.description)
        }
        guard let stored = StoredLogits(encoded: output.body), stored.snippets == chunks.snippets else {
            throw Problem.store(.damaged(job.id, "its result can't be read"))
        }
        if let length = stored.length { chunks = Chunks(snippets: stored.snippets, length: length) }
        while events.nextChunk < chunks.count, let logits = stored.logits(of: chunks[events.nextChunk]) {
            guard try await tell(logits, stored.labels, stored.options) else { break }
        }
        share.end()
    }

    /// Waits until there is room to hold a result of `bytes`.
    private mutating func room(for bytes: Int) async throws -> AnswerBudget.Share {
        while true {
            if let share = service.answers.take(bytes, for: client) { return share }
            pending += ServerEvent.keepAlive
            try await flush()
            if await watch.next(until: service.backlog.now + Self.pause) == .cancelled { throw CancellationError() }
        }
    }

    private mutating func flush() async throws {
        guard !pending.isEmpty else { return }
        let bytes = pending
        pending = []
        try await writer.write(bytes)
        share?.sent(bytes.count)
        silentSince = service.backlog.now
    }
}
