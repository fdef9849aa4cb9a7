import JSON
import Jobs
import Scoring

/// What one client has been told of a job, and so what it is to be told next. Values in, bytes out.
struct JobEvents {
    /// What makes a status worth telling anew.
    private struct Standing: Equatable {
        let status: JobStatus
        let attempt: Int
        let failure: JobFailure?
        let waitsForModel: Bool
    }

    private(set) var position: EventPosition
    private var told: Standing?
    private var toldParts = 0
    private var toldNote: [UInt8]?

    /// Goes on from where the client was.
    init(from position: EventPosition) {
        self.position = position
        self.position.isEnd = false
    }

    /// The chunk that comes next.
    var nextChunk: Int { position.chunks }

    /// The job where its status, its attempt, its failure or its wait for a model is news; else its progress, where that is.
    mutating func news(of job: Job) -> [UInt8] {
        let standing = Standing(
            status: job.status, attempt: job.attempt, failure: job.failure,
            waitsForModel: job.status == .queued && job.isModelMissing)
        if standing != told {
            told = standing
            (toldParts, toldNote) = (job.partsDone, job.note)
            return event("status", JobDocument(job: job).json)
        }
        guard job.partsDone != toldParts || job.note != toldNote else { return [] }
        (toldParts, toldNote) = (job.partsDone, job.note)
        return event(
            "progress",
            JSONWriter.document { ProgressDocument(of: job, JobFacts(of: job)).write(to: &$0) })
    }

    /// The scores of a chunk, which are the same for everybody.
    static func scores(_ document: ChunkDocument) -> [UInt8] {
        var position = EventPosition()
        position.chunks = document.chunk + 1
        return ServerEvent(name: "scores", id: position.id, data: document.json).bytes
    }

    /// The next chunk is told.
    mutating func tellChunk() { position.chunks += 1 }

    /// The last event where the job has gone, `job` being what was known of it last: as it ended where all of it was told,
    /// else as one that was cancelled, with the reason.
    mutating func end(ofGone job: Job) -> [UInt8] {
        if job.status.isEnded, job.status != .succeeded || nextChunk >= JobFacts(of: job)?.chunks ?? job.parts {
            return end(of: job)
        }
        var gone = job
        gone.status = .cancelled
        gone.failure = Problem.goneJob(job.id)
        return end(of: gone)
    }

    /// The last event: the job as it ended, its result left out.
    mutating func end(of job: Job) -> [UInt8] {
        position.isEnd = true
        return event("end", JobDocument(job: job).json)
    }

    private func event(_ name: String, _ data: [UInt8]) -> [UInt8] {
        ServerEvent(name: name, id: position.id, data: data).bytes
    }
}

/// How far a client has come with a job's events: the `id` of each.
///
/// `3` says that the scores of three chunks were delivered, `8.end` that all was said. Scores are the same whenever and
/// wherever a chunk is scored, so a position holds across attempts, restarts and servers; everything that is no score
/// is told anew to whoever comes back.
struct EventPosition: Equatable {
    private static let end = ".end"

    /// Chunks whose scores were delivered.
    var chunks = 0
    /// Whether the last event was.
    var isEnd = false

    /// The beginning.
    init() {}

    /// Reads `Last-Event-ID`; what is no position among so many chunks counts as the beginning.
    init(lastEventID text: String?, chunks most: Int) {
        guard let text, text.utf8.count <= 20 else { return }
        let isEnd = text.ends(with: Self.end)
        let digits = isEnd ? text.dropLast(Self.end.count) : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let chunks = Int(digits), chunks <= most
        else { return }
        self.chunks = chunks
        self.isEnd = isEnd
    }

    /// The position as an event's id.
    var id: String { "\(chunks)\(isEnd ? Self.end : "")" }
}

/// One event of `text/event-stream`, as EventSource reads it (HTML, 9.2.6).
struct ServerEvent {
    /// Says how long a client that lost the stream shall wait before it comes back.
    static func retry(milliseconds: Int) -> [UInt8] { Array("retry: \(milliseconds)\n\n".utf8) }

    /// A line that clients pass over, and that keeps proxies from taking the stream for dead.
    static let keepAlive = Array(": keep-alive\n\n".utf8)

    /// What kind of event it is.
    let name: String
    /// What a client that lost the stream names as the last thing it got.
    let id: String
    /// What the event says.
    let data: [UInt8]

    /// The event's lines and the empty one after them.
    var bytes: [UInt8] {
        var bytes = Array("event: \(name)\nid: \(id)\ndata: ".utf8)
        bytes.reserveCapacity(bytes.count + data.count + 2)
        var follows = false
        for byte in data {
            // CR, LF and both together end a line; a line of data is one more field.
            if follows, byte == UInt8(ascii: "\n") {
                follows = false
                continue
            }
            follows = byte == UInt8(ascii: "\r")
            if follows || byte == UInt8(ascii: "\n") {
                bytes.append(contentsOf: "\ndata: ".utf8)
            } else {
                bytes.append(byte)
            }
        }
        bytes.append(contentsOf: "\n\n".utf8)
        return bytes
    }
}
