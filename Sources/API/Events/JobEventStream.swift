import HTTP
import Jobs
import Platform
import Scoring
import Synchronization

/// Tells one client what becomes of a job, as `JobFollower` finds it.
///
/// It keeps nothing for the client but its position, so a slow one is told less often and costs no more.
struct JobEventStream {
    /// Bytes that are gathered before they are written.
    private static let batch = 32 << 10
    /// How long a client that lost the stream waits before it comes back, in milliseconds.
    private static let retry = 2_000

    private let service: VigilService
    private let writer: ResponseWriter
    /// Whether the client has ended its side, and nothing has been written since.
    private let doubt = Doubt()
    private var follower: JobFollower
    private var events: JobEvents
    private var pending = ServerEvent.retry(milliseconds: Self.retry)
    private var silentSince: MonotonicTime

    private final class Doubt: Sendable {
        let isRaised = Atomic(false)
    }

    init(
        of job: Job, from position: EventPosition, service: VigilService, writer: ResponseWriter, client: String
    ) {
        self.service = service
        self.writer = writer
        follower = JobFollower(of: job, from: position.chunks, in: service.scoring, for: client) { [writer] in
            writer.cut()
        }
        events = JobEvents(from: position)
        silentSince = service.scoring.backlog.now
    }

    private var now: MonotonicTime { service.scoring.backlog.now }

    /// Goes on until all is said or the process leaves.
    ///
    /// - Throws: where the client is gone, or the result can't be read, so that the client is to see the stream cut.
    mutating func run() async throws {
        writer.whenInputEnds { [wake = follower.wake, doubt] in
            doubt.isRaised.store(true, ordering: .relaxed)
            wake()
        }
        while true {
            let silence = silentSince + service.settings.keepAliveInterval
            let news: JobFollower.News
            do { news = try await follower.next(waitingUntil: silence) } catch { throw Problem.of(error) ?? error }
            switch news {
            case .job(let job): pending += events.news(of: job)
            case .chunk(let chunk): try await tell(chunk)
            case .settled: try await flush()
            case .woken(let isTimeUp):
                // Only a write tells a client that is gone from one that has no more to ask.
                let isDoubted = doubt.isRaised.exchange(false, ordering: .relaxed)
                if isDoubted || isTimeUp && now >= silence { pending = ServerEvent.keepAlive }
            case .crowded:
                pending += ServerEvent.keepAlive
                try await flush()
            case .ended(let job):
                pending += events.end(of: job)
                return try await flush()
            case .gone(let job):
                pending += events.end(ofGone: job)
                return try await flush()
            case .left: return try await flush()
            }
        }
    }

    /// Tells a chunk, whose event somebody may have been told lately.
    private mutating func tell(_ chunk: FollowedChunk) async throws {
        let key = RecentEvents.Key(job: chunk.job, chunk: chunk.number, start: chunk.range.lowerBound)
        if let event = service.results.events[key] {
            pending += event
        } else {
            guard let (logits, labels, kind, options) = chunk.scores else { return follower.passOver() }
            let event = JobEvents.scores(
                ChunkDocument(
                    chunk: chunk.number, range: chunk.range, labels: labels, kind: kind, logits: logits,
                    showsLogits: options.logits))
            service.results.events.keep(event, as: key)
            pending += event
        }
        events.tellChunk()
        follower.advance()
        if pending.count > Self.batch { try await flush() }
    }

    private mutating func flush() async throws {
        guard !pending.isEmpty else { return }
        let bytes = pending
        pending = []
        try await writer.write(bytes)
        follower.sent(bytes.count)
        silentSince = now
    }
}
