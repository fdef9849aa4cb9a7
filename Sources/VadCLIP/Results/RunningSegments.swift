/// Segments as the scores come: when one has begun, and when it is over.
///
/// Those that end are the segments that `Scores.segments` finds in all of the scores, to the bit. One has begun as soon as it is
/// as long as it has to be; its label and score are then what they are so far.
public struct RunningSegments: Sendable {
    /// What has become of a segment.
    public enum News: Sendable, Equatable {
        /// It has begun; its end is that of what is known.
        case begun(Segment)
        /// It is over.
        case ended(Segment)
    }

    private struct Candidate {
        let start: Int
        var end: Int
        var score: Float
        /// The highest coarse score until what came last.
        var scoreSoFar: Float = 0
        /// Fine scores of the abnormal classes from the start to the end, and further to what came last.
        var sums: [Float]
        var sumsSoFar: [Float]
        var isTold = false
    }

    private let options: SegmentOptions
    /// Which segments are told; one that is told once is told to its end.
    private let isWanted: @Sendable (Segment) -> Bool
    private var labels: [String] = []
    private var snippets = 0
    private var candidate: Candidate?
    private var isInside = false

    /// Segments that are cut by `options`, of which those are told that `isWanted` says.
    public init(_ options: SegmentOptions, isWanted: @escaping @Sendable (Segment) -> Bool = { _ in true }) {
        self.options = options
        self.isWanted = isWanted
    }

    /// Takes the scores of the next snippets, and says what they bring.
    public mutating func take(_ scores: Scores) -> [News] {
        labels = scores.labels
        var news: [News] = []
        for snippet in scores.coarse.indices {
            let score = scores.coarse[snippet]
            let fine = scores.fine[snippet * labels.count..<(snippet + 1) * labels.count].dropFirst()
            take(score, fine, &news)
            snippets += 1
        }
        begin(&news)
        return news
    }

    /// There are no more snippets.
    public mutating func finish() -> [News] {
        var news: [News] = []
        close(&news)
        return news
    }

    private mutating func take(_ score: Float, _ fine: ArraySlice<Float>, _ news: inout [News]) {
        if isInside, score < options.leave {
            isInside = false
        } else if !isInside, score >= options.threshold {
            isInside = true
            if candidate == nil {
                let zeros = [Float](repeating: 0, count: fine.count)
                candidate = Candidate(start: snippets, end: snippets, score: score, sums: zeros, sumsSoFar: zeros)
            }
        }
        guard var current = candidate else { return }
        for (index, value) in fine.enumerated() { current.sumsSoFar[index] += value }
        // What lies between two runs that are one belongs to the segment too, once the second has come.
        current.scoreSoFar = max(current.scoreSoFar, score)
        if isInside {
            current.end = snippets + 1
            current.sums = current.sumsSoFar
            current.score = max(current.score, current.scoreSoFar)
        }
        candidate = current
        if !isInside, snippets + 1 - current.end >= options.mergeGap { close(&news) }
    }

    private mutating func begin(_ news: inout [News]) {
        guard var current = candidate, !current.isTold, current.end - current.start >= options.minimumSnippets else {
            return
        }
        let segment = segment(current)
        guard isWanted(segment) else { return }
        current.isTold = true
        candidate = current
        news.append(.begun(segment))
    }

    private mutating func close(_ news: inout [News]) {
        begin(&news)
        if let current = candidate, current.isTold { news.append(.ended(segment(current))) }
        candidate = nil
    }

    private func segment(_ candidate: Candidate) -> Segment {
        let best = candidate.sums.indices.max { candidate.sums[$0] < candidate.sums[$1] } ?? 0
        return Segment(
            start: candidate.start, end: candidate.end,
            label: labels.indices.contains(best + 1) ? labels[best + 1] : "", score: candidate.score)
    }
}
