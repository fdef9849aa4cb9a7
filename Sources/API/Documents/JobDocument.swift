import JSON
import Jobs
import Scoring

/// A job as JSON, with its result where it has one.
struct JobDocument {
    let job: Job
    /// The result, where the job has one.
    var result: ScoreDocument?
    /// Whether it answers for another submission of the same features.
    var isReused = false
    /// Why it waits though it is not behind others, where that is known.
    var missing: String?

    /// The job object.
    var json: [UInt8] {
        var writer = JSONWriter(reserving: 1_024 + (result?.jsonEstimate ?? 0))
        write(to: &writer)
        return writer.bytes
    }

    func write(to json: inout JSONWriter) {
        let facts = JobFacts(of: job)
        json.object { json in
            json.member("id", job.id.description)
            json.member("status", job.status.rawValue)
            if let name = job.name { json.member("name", name) }
            if let owner = job.owner { json.member("owner", owner) }
            if let batch = job.batch { json.member("batch", batch.description) }
            if isReused { json.member("reused", true) }
            json.member("priority", job.priority.name)
            json.member("created_at", job.createdAt.description)
            json.member("started_at", job.startedAt?.description)
            json.member("finished_at", job.finishedAt?.description)
            if let deadline = job.deadline { json.member("deadline", deadline.description) }
            json.member("attempt", job.attempt)
            json.member("queue_position", job.queuePosition)
            json.member("estimated_seconds", job.estimatedSeconds.map { ($0 * 1_000).rounded() / 1_000 })
            json.key("progress")
            let progress = ProgressDocument(of: job, facts)
            progress.write(to: &json)
            json.member("model", job.model)
            // An older store has the digest in results alone.
            json.member("model_sha256", job.modelSHA256 ?? result?.result.modelSHA256)
            json.member("phase", progress.video?.phase.name)
            if let facts {
                json.member("snippets", facts.snippets)
                json.member("features_sha256", facts.featuresSHA256)
            } else {
                json.member("snippets", 0)
                json.member("features_sha256", "")
            }
            json.member("warnings", warnings(facts))
            json.key("result")
            if let result { result.write(to: &json) } else { json.null() }
            json.key("error")
            writeError(to: &json)
        }
    }

    /// What looked wrong with the features, which other model has scored them, and why the job waits though it is not behind
    /// others.
    private func warnings(_ facts: JobFacts?) -> [String] {
        var warnings = facts?.warnings ?? []
        if let scored = result?.result, let accepted = scored.acceptedForSHA256 {
            warnings.append(
                "the job was accepted for the model \(ModelID(name: job.model, sha256: accepted)), which was not served here, "
                    + "and is scored by \(ModelID(name: scored.model, sha256: scored.modelSHA256))")
        }
        guard job.status == .queued, job.isModelMissing else { return warnings }
        if let missing { return warnings + [missing] }
        // Whether it waits for what decodes videos is not known here.
        guard facts?.isOfVideo != true else { return warnings }
        return warnings + ["the job waits for its model \(job.modelID), which is not served here"]
    }

    private func writeError(to json: inout JSONWriter) {
        guard let failure = job.failure else { return json.null() }
        json.object { json in
            json.member("type", Problem.path + failure.reason)
            json.member("title", job.status == .cancelled ? "The job is gone" : "The job failed")
            json.member("detail", Self.detail(of: failure, job.id))
        }
    }

    /// Why a job has failed, in a sentence. Older stores have noted where the server's files are, which is nobody's business.
    static func detail(of failure: JobFailure, _ id: JobID) -> String {
        failure.reason == "damaged-job" ? JobStoreError.damaged(id, "").told : failure.detail
    }
}

/// How far a job is, as JSON.
struct ProgressDocument {
    private let job: Job
    private let facts: JobFacts?
    /// What the worker of a video's job says of it.
    let video: VideoProgress?

    /// - Parameter facts: what the job says of itself
    init(of job: Job, _ facts: JobFacts?) {
        (self.job, self.facts, video) = (job, facts, VideoProgress(of: job))
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            guard let facts, facts.isOfVideo else {
                json.member("chunks_done", job.partsDone)
                json.member("chunks", job.parts)
                return
            }
            json.member("chunks_done", job.status == .succeeded ? facts.chunks : video?.chunksDone ?? 0)
            // Of a video that has no rows there will be none.
            json.member("chunks", (facts.chunks ?? video?.chunks).flatMap { $0 > 0 ? $0 : nil })
            guard let video else { return }
            json.member("rows_done", video.rows)
            json.member("frames_done", video.frames)
            json.member("frames_expected", video.expectedFrames)
        }
    }
}

/// A batch as JSON, with its jobs, which come without their results.
struct BatchDocument {
    let batch: Batch

    /// The batch object.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("id", batch.id.description)
                json.member("status", status.rawValue)
                json.member("created_at", batch.id.madeAt.description)
                json.key("counts")
                json.object { json in
                    for status in JobStatus.allCases {
                        json.member(status.rawValue, batch.jobs.count { $0.status == status })
                    }
                }
                json.key("jobs")
                json.array(batch.jobs[...]) { JobDocument(job: $1).write(to: &$0) }
            }
        }
    }

    /// Running once any job was begun, until all have ended; then the worst of theirs.
    private var status: JobStatus {
        let statuses = Set(batch.jobs.map(\.status))
        if statuses == [.queued] { return .queued }
        if !batch.isEnded { return .running }
        return statuses.contains(.failed) ? .failed : statuses.contains(.cancelled) ? .cancelled : .succeeded
    }
}
