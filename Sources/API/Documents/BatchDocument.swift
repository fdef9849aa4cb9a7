import JSON
import Jobs

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
