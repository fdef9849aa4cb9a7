public import Reports
import Scoring
import VadCLIP

extension ScoreDocument {
    /// The same as plain values, for reports in other forms.
    ///
    /// - Parameters:
    ///   - name: what the video is to be called
    ///   - warnings: what was said of the features
    public func reported(as name: String, warnings: [String] = []) -> ReportedVideo {
        var video = ReportedVideo(
            name: name, labels: result.labels, coarse: scored.scores.coarse, fine: scored.scores.fine)
        video.model = result.model
        video.caution = ModelInfo.caution(trained: result.trained, caveat: result.caveat)
        video.framesPerSnippet = ModelConfiguration.framesPerSnippet
        video.frames = result.source?.frames
        video.fps = result.options.fps ?? result.source?.fps
        video.times = times
        video.threshold = result.options.segments.threshold
        (video.score, video.label) = (scored.video.coarse, scored.video.label)
        video.classScores = scored.video.scores
        video.segments = scored.segments.map {
            ReportedSegment(start: $0.start, end: $0.end, label: $0.label, score: $0.score)
        }
        video.warnings = warnings
        video.provenance = facts
        return video
    }

    private var facts: [ReportedVideo.Fact] {
        var facts = [
            ReportedVideo.Fact("vigil", Vigil.version), ReportedVideo.Fact("family", result.kind.family.name),
            ReportedVideo.Fact("model_sha256", result.modelSHA256),
            ReportedVideo.Fact("features_sha256", result.featuresSHA256),
            ReportedVideo.Fact("kernels", result.kernels), ReportedVideo.Fact("compute", result.compute.rawValue),
        ]
        if let source = result.source {
            facts += [
                ReportedVideo.Fact("video_sha256", source.sha256), ReportedVideo.Fact("ffmpeg", source.ffmpeg),
            ]
        }
        return facts
    }
}
