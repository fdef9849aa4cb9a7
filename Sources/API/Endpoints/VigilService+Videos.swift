import Engine
import HTTP
import HTTPTypes
import JSON
import Jobs
import Scoring

/// `POST /score` with videos.
extension VigilService {
    /// Queues the videos of a request, which are on the shelf.
    ///
    /// - Parameter sender: who sends it, and the client's own name for the request
    func scoreVideos(
        _ upload: Upload, _ options: ScoreOptions, _ versions: [ModelVersion], _ sender: (Caller, key: String?),
        _ request: Request, _ note: AuditNote?, using reservation: Reservation, _ spans: inout UploadSpans?
    ) async throws -> Response {
        if options.validateOnly || upload.isBatch || versions.count > 1 {
            try checkTakesJSON(request.head, options.validateOnly ? "A report" : "A batch")
        }
        if upload.isBatch, options.compare != nil {
            throw Problem.option(OptionError(name: "compare", problem: "given for several videos: expected one"))
        }
        // A look holds a process and others' turn: it ends with its client.
        request.endWithInput(true)
        let videos = try await scoring.acceptVideos(upload, options, for: versions, of: sender.0.client)
        request.endWithInput(false)
        spans?.decoded(request.body, matrices: videos.count)
        if options.validateOnly {
            var answer = report(on: videos, options, isBatch: upload.isBatch)
            _ = preferredWait(of: request.head, &answer.fields)
            return answer
        }
        let receipt = try await scoring.submit(
            videos, isBatch: upload.isBatch, options, caller: sender.0, key: sender.key,
            trace: Self.trace(of: request, options), for: versions, using: reservation)
        spans?.submitted(jobs: receipt.jobs.count)
        try await note?.record(.submit, receipt.jobs, status: .accepted, outcome: receipt.origin.word)
        if options.compare != nil { return try await answerCompared(receipt, to: request, note) }
        return try await answer(receipt, to: request, note)
    }

    /// What a look at videos found.
    private func report(on videos: [AcceptedVideo], _ options: ScoreOptions, isBatch: Bool) -> Response {
        guard isBatch || videos.count != 1 else {
            return .json(
                JSONWriter.document { VideoReportDocument(video: videos[0], options: options).write(to: &$0) })
        }
        return .json(
            JSONWriter.document { json in
                json.object { json in
                    json.key("reports")
                    json.array(videos[...]) { VideoReportDocument(video: $1, options: options).write(to: &$0) }
                }
            })
    }
}

/// What a look at a video's first frame and its header found, as JSON.
private struct VideoReportDocument {
    let video: AcceptedVideo
    let options: ScoreOptions

    func write(to json: inout JSONWriter) {
        let facts = video.facts
        json.object { json in
            if let name = video.name { json.member("name", name) }
            json.member("kind", "video")
            json.member("container", video.container)
            json.member("codec", facts.codec)
            json.member("frame_rate", facts.rate)
            json.member("duration_seconds", facts.duration)
            json.member("expected_frames", facts.expectedFrames)
            json.member("bytes", video.bytes)
            json.member("sha256", video.sha256)
            json.member("warnings", video.warnings(options))
        }
    }
}
