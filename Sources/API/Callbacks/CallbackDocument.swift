import JSON
import Jobs

/// What a callback says: that a job has ended, and how, in the form that Standard Webhooks recommends. The result is to be
/// fetched.
struct CallbackDocument {
    let job: Job

    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("type", "job.\(job.status.rawValue)")
                json.member("timestamp", (job.finishedAt ?? job.createdAt).description)
                json.key("data")
                JobDocument(job: job).write(to: &json)
            }
        }
    }
}
