import Frames
import Platform
import Video

/// Pictures of a video's segments, made while the video is there.
extension ScoringWork {
    /// How long a worker makes pictures of a video.
    private static let pictureTime = Duration.seconds(20)

    /// What one picture may take: less than at a terminal, since a worker waits for it.
    private static let pictureLimits: VideoLimits = {
        var limits = Thumbnails.limits
        limits.processorSeconds = 5
        limits.patience = .seconds(5)
        return limits
    }()

    /// Pictures of the segments of the highest scores, as many as come in time, and what is to be said of the others. A picture that
    /// can't be made is no reason to fail.
    func pictures(
        of result: ScoreResult, most: Int, _ plan: Plan
    ) -> (pictures: [SegmentPicture], warnings: [String]) {
        guard case .video(let run, _, _, _) = plan.source, let place = run.place else { return ([], []) }
        let scored = ScoredVideo(result)
        guard !scored.segments.isEmpty else { return ([], []) }
        guard let path = place.path else {
            return ([], ["no pictures are made of its segments: the video can't be had"])
        }
        let times = result.source?.times ?? []
        guard !times.isEmpty else { return ([], ["no pictures are made of its segments: the file knows no times"]) }
        let deadline = MonotonicTime.now + Self.pictureTime
        var pictures: [SegmentPicture] = []
        var fault: String?
        do throws(FrameError) {
            let thumbnails = try Thumbnails(
                of: VideoFile(path: path), by: run.ffmpeg, limits: Self.pictureLimits)
            for moment in scored.moments(times: times, most: most) {
                guard MonotonicTime.now < deadline else {
                    fault = "they take too long"
                    break
                }
                let jpeg = try thumbnails.jpeg(at: moment.seconds).jpeg
                guard jpeg.count <= SegmentPicture.mostBytes else {
                    fault = "one is larger than \(ByteCount(SegmentPicture.mostBytes))"
                    continue
                }
                pictures.append(SegmentPicture(start: moment.start, jpeg: jpeg))
            }
        } catch { fault = error.reason }
        return (pictures, fault.map { ["not all pictures of its segments could be made: \($0)"] } ?? [])
    }
}
