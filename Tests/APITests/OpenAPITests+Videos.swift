import Jobs
import Platform
import TestSupport
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
        recipeSHA256: "b", towerSHA256: "c", featuresOfJob: "d")

    /// Features that were made of it.
    static func keptFeatures() throws -> KeptFeatures {
        let recipe = MadeRecipe(
            name: "vadclip", crop: 0, resolution: 224, pool: "mean", framesPerRow: 16, tail: "drop",
            compute: "float32", cadence: "frames", text: "vigil recipe 1", kernels: "avx2")
        var made = VideoMade(source: Self.source, container: "MP4", recipe: recipe)
        (made.codec, made.pixelFormat, made.rate, made.duration, made.rotation) = ("h264", "yuv420p", 30, 1, 90)
        (made.sizes, made.warnings, made.tailFrames) = (["64x48"], ["w"], 1)
        let folder = try ScratchFolder()
        let archive = VideoArchive()
        archive.open(folder: folder.path, scratch: folder.path, limit: 1 << 20)
        let job = try #require(JobID("01M85BV3QAE4RGA8GVVP3465ME"))
        let head = KeptFeatures.Head(
            lookup: [UInt8](repeating: 1, count: 32), job: "\(job)", rows: 2, width: 1,
            sha256: String(repeating: "b", count: 64), made: made)
        archive.keep([1, 2], head, of: job, as: nil)
        return try #require(archive.features(of: job))
    }

    @Test("what tells how features were made has the described properties, and no other")
    func features() throws {
        var conformance = Conformance(description)
        let came = JobFeatures.came([1, 2], rows: 1, width: 2, sha256: String(repeating: "a", count: 64))
        try conformance.check(FeaturesDocument(features: came).json, "MadeFeatures")
        try conformance.check(FeaturesDocument(features: .kept(try Self.keptFeatures())).json, "MadeFeatures")
        #expect(conformance.differences == [])
        #expect(conformance.unseen(in: ["MadeFeatures", "MadeVideo", "MadeRecipe", "MadeTower"]) == [])
    }
}
