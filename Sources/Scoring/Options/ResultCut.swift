import Jobs
import VadCLIP

/// How the segments of a stored result are cut anew, which takes nothing but its scores.
package struct ResultCut: Hashable, Sendable {
    /// How they are cut.
    package let segments: SegmentOptions
    /// Frames a second; nil where the video's own times count.
    package let fps: Double?

    /// Reads what parameters ask, over what the job asked for; nil where they ask nothing of it.
    package init?(_ given: Parameters, of job: Job) throws(OptionError) {
        guard !given.isEmpty, ScoreOptions.ofCuts.contains(where: { given[$0] != nil }) else { return nil }
        var options = JobFacts(of: job).flatMap { ScoreOptions(encoded: $0.options) } ?? ScoreOptions()
        try options.readCut(given)
        (segments, fps) = (options.segments, options.fps)
    }

    /// Cuts a result so.
    package func apply(to result: inout ScoreResult) {
        result.options.segments = segments
        result.options.fps = fps
    }

    /// What tells it from others.
    package var text: String {
        "\(segments.threshold)-\(segments.leave)-\(segments.minimumSnippets)-\(segments.mergeGap)-\(fps.map { "\($0)" } ?? "")"
    }
}
