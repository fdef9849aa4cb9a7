import Formats
import JSON
import Jobs

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
            toldParts = job.partsDone
            return event("status", JobDocument(job: job).json)
        }
        guard job.partsDone != toldParts else { return [] }
        toldParts = job.partsDone
        return event(
            "progress",
            JSONWriter.document { json in
                json.object { json in
                    json.member("chunks_done", job.partsDone)
                    json.member("chunks", job.parts)
                }
            })
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
        if job.status.isEnded, job.status != .succeeded || nextChunk >= job.parts { return end(of: job) }
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
