import Jobs
import Platform
import Testing

@testable import API
@testable import Scoring

extension OpenAPITests {
    /// A job with a video, at work.
    static func videoJob() throws -> Job {
        var subject = VideoSubject(
            token: "t", pooling: .mean, tail: .drop, cadence: .frames, expectedFrames: 100, length: 256, options: [])
        subject.warnings = ["w"]
        var new = NewJob(kind: VideoSubject.kind, subject: subject.job, input: JobBody([UInt8]()), model: "m")
        new.modelSHA256 = String(repeating: "a", count: 64)
        var job = Job(new, id: try #require(JobID("01M85BV3QAE4RGA8GVVP3465ME")), createdAt: WallTime(milliseconds: 0))
        job.status = .running
        job.note =
            VideoProgress(phase: .embed, frames: 50, expectedFrames: 100, rows: 3, chunksDone: 0, chunks: nil).coded
        return job
    }

    /// A video that has everything a video can have.
    static let source = VideoSource(
        sha256: "a", frames: 32, fps: 30, times: [0, 1, 2], truncatedBy: "damage", ffmpeg: "5.1",
        isolation: "bubblewrap",
        recipeSHA256: "b", towerSHA256: "c")
}
