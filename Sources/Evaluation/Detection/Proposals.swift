import Datasets

/// What the published detection protocol takes for detections of one class, by falling score, and which of them hit.
///
/// Spec: "Evaluation". In each video, frames above `max - 0.6 (max - min)` of the class's score form proposals; one scores
/// its maximum plus 0.7 times the mean of the video's top sixteenth of frames. A proposal takes, of the intervals of the
/// same video and class that no higher one took, that with the highest IoU, where that reaches the threshold.
struct ClassDetections: Sendable {
    /// A detection.
    struct Proposal: Sendable {
        /// Its video, by the list's order.
        let video: Int
        let frames: Range<Int>
        let score: Double
        /// At which of ``thresholds`` it hits, a bit each.
        var hits: UInt8 = 0
    }

    /// The IoU that a hit takes, 0.1 to 0.5.
    static let thresholds = [0.1, 0.2, 0.3, 0.4, 0.5]

    /// By falling score; equal ones in the videos' order.
    let proposals: [Proposal]
    /// Intervals of the class in each video.
    let truths: [Int]

    /// Finds and matches the detections of a class.
    ///
    /// - Parameter normalTruth: whether a normal video is, as a whole, an interval of class 0
    init(of label: Int, in videos: [EvaluatedVideo], normalTruth: Bool) {
        var proposals: [Proposal] = []
        var truths: [Int] = []
        for (index, video) in videos.enumerated() {
            let intervals = Self.intervals(of: label, in: video, normalTruth: normalTruth)
            truths.append(intervals.count)
            // What hits is settled in each video by itself: nothing is matched across videos.
            var own = Self.proposals(of: label, in: video, index: index)
            let order = own.indices.sorted {
                own[$0].score > own[$1].score || own[$0].score == own[$1].score && $0 < $1
            }
            own = order.map { own[$0] }
            Self.match(&own, intervals)
            proposals += own
        }
        let order = proposals.indices.sorted {
            proposals[$0].score > proposals[$1].score || proposals[$0].score == proposals[$1].score && $0 < $1
        }
        self.proposals = order.map { proposals[$0] }
        self.truths = truths
    }

    private static func intervals(of label: Int, in video: EvaluatedVideo, normalTruth: Bool) -> [Range<Int>] {
        if label == 0 { return normalTruth && video.isNormal ? [0..<video.frames] : [] }
        return video.intervals.filter { $0.label == label }.map(\.frames)
    }

    private static func proposals(of label: Int, in video: EvaluatedVideo, index: Int) -> [Proposal] {
        let k = video.classes
        let scores = (0..<video.snippets).map { video.fine[$0 * k + label] }
        guard let top = scores.max(), let bottom = scores.min(), top > bottom else { return [] }
        let threshold = top - (top - bottom) * 0.6
        let context = 0.7 * meanOfTopFrames(scores)
        var proposals: [Proposal] = []
        var begin: Int?
        for snippet in 0...scores.count {
            let isAbove = snippet < scores.count && scores[snippet] > threshold
            if isAbove {
                begin = begin ?? snippet
            } else if let start = begin {
                let best = scores[start..<snippet].max() ?? 0
                proposals.append(
                    Proposal(
                        video: index, frames: start * EvaluatedVideo.snippet..<snippet * EvaluatedVideo.snippet,
                        score: best + context))
                begin = nil
            }
        }
        return proposals
    }

    /// The mean of the highest T of 16 T frames: of T / 16 snippets, the last of which may count in part.
    private static func meanOfTopFrames(_ scores: [Double]) -> Double {
        let (whole, rest) = scores.count.quotientAndRemainder(dividingBy: EvaluatedVideo.snippet)
        let sorted = scores.sorted(by: >)
        let sum = sorted.prefix(whole).reduce(0, +) * Double(EvaluatedVideo.snippet)
        let part = rest > 0 ? sorted[whole] * Double(rest) : 0
        return (sum + part) / Double(scores.count)
    }

    private static func match(_ proposals: inout [Proposal], _ intervals: [Range<Int>]) {
        guard !intervals.isEmpty else { return }
        for (bit, threshold) in thresholds.enumerated() {
            var left = intervals
            for index in proposals.indices {
                var best: (index: Int, overlap: Double)?
                for (candidate, interval) in left.enumerated() {
                    let overlap = Self.overlap(proposals[index].frames, interval)
                    if overlap >= threshold, overlap > best?.overlap ?? 0 { best = (candidate, overlap) }
                }
                guard let best else { continue }
                left.remove(at: best.index)
                proposals[index].hits |= 1 << UInt8(bit)
            }
        }
    }

    /// Intersection over union, in frames.
    static func overlap(_ left: Range<Int>, _ right: Range<Int>) -> Double {
        let common = max(0, min(left.upperBound, right.upperBound) - max(left.lowerBound, right.lowerBound))
        return Double(common) / Double(left.count + right.count - common)
    }

    /// The average precision at each threshold: precision at the hits, summed up, over the number of intervals; nil where
    /// the class has no proposal.
    ///
    /// - Parameter weights: how many times each video counts
    func averagePrecisions(weights: [Int]) -> [Double]? {
        let positives = zip(truths, weights).reduce(0) { $0 + $1.0 * $1.1 }
        var sums = [Double](repeating: 0, count: Self.thresholds.count)
        var hits = [Int](repeating: 0, count: Self.thresholds.count)
        var count = 0
        for proposal in proposals {
            let weight = weights[proposal.video]
            if proposal.hits != 0 {
                for bit in sums.indices where proposal.hits >> UInt8(bit) & 1 == 1 {
                    for copy in 1...max(1, weight) where weight > 0 {
                        sums[bit] += Double(hits[bit] + copy) / Double(count + copy)
                    }
                    hits[bit] += weight
                }
            }
            count += weight
        }
        guard count > 0 else { return nil }
        return sums.map { positives > 0 ? $0 / Double(positives) : 0 }
    }
}
