import Datasets

/// Which classes are taken for which: a row a true class, a column the class that is said.
public struct Confusion: Sendable, Equatable {
    /// Videos by their labels and the class that stands highest in the video as a whole. A video of several labels counts in
    /// the row of the class that was said where that is one of them, else in its first one's.
    public let videos: [[Int]]
    /// Snippets by the class that most of their frames are annotated with, the normal one where most have none, and the
    /// class with the highest fine score.
    public let snippets: [[Int]]

    /// Counts.
    public init(_ evaluated: [EvaluatedVideo], classes: Int) {
        let empty = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
        var (videos, snippets) = (empty, empty)
        for video in evaluated {
            let row = video.labels.contains(video.predicted) ? video.predicted : video.labels.first ?? 0
            videos[row][video.predicted] += 1
            let truth = Self.truth(video)
            for snippet in truth.indices {
                let scores = video.fine[snippet * classes..<(snippet + 1) * classes]
                let best = scores.indices.max { scores[$0] < scores[$1] } ?? scores.startIndex
                snippets[truth[snippet]][best - scores.startIndex] += 1
            }
        }
        self.videos = videos
        self.snippets = snippets
    }

    /// The class of each snippet: that of the interval which covers most of its frames, where it covers half of them.
    private static func truth(_ video: EvaluatedVideo) -> [Int] {
        let length = EvaluatedVideo.snippet
        var covered = [Int](repeating: length / 2 - 1, count: video.snippets)
        var truth = [Int](repeating: 0, count: video.snippets)
        for interval in video.intervals {
            let frames = interval.frames.clamped(to: 0..<video.frames)
            guard !frames.isEmpty else { continue }
            for snippet in frames.lowerBound / length...(frames.upperBound - 1) / length {
                let count = frames.clamped(to: snippet * length..<(snippet + 1) * length).count
                if count > covered[snippet] { (covered[snippet], truth[snippet]) = (count, interval.label) }
            }
        }
        return truth
    }
}
