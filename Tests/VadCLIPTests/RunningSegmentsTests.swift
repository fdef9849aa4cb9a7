import TestSupport
import Testing

@testable import VadCLIP

@Suite("Segments as the scores come")
struct RunningSegmentsTests {
    private static func scores(_ coarse: [Float], fine: [Float]) -> Scores {
        let labels = ["normal", "a", "b"]
        let logits = Logits(snippets: coarse.count, classes: 3, coarse: coarse, fine: fine)
        return Scores(logits, labels: labels, coarse: coarse)
    }

    private static func piece(_ all: Scores, _ range: Range<Int>, _ fine: [Float]) -> Scores {
        scores(Array(all.coarse[range]), fine: Array(fine[range.lowerBound * 3..<range.upperBound * 3]))
    }

    @Test("however the scores are cut, those that end are the segments of all of them, each begun once before")
    func sameAsAtOnce() {
        var random = SeededRandom(seed: 7)
        for _ in 0..<2_000 {
            let count = Int.random(in: 0...40, using: &random)
            let steps: [Float] = [0, 0.2, 0.3, 0.5, 0.7, 1]
            let coarse = (0..<count).map { _ in steps.randomElement(using: &random) ?? 0 }
            let fine = (0..<3 * count).map { _ in Float.random(in: -2...2, using: &random) }
            let options = SegmentOptions(
                threshold: 0.5, leave: [0.2, 0.3, 0.5].randomElement(using: &random),
                minimumSnippets: Int.random(in: 1...4, using: &random), mergeGap: Int.random(in: 0...4, using: &random))
            let all = Self.scores(coarse, fine: fine)
            var running = RunningSegments(options)
            var news: [RunningSegments.News] = []
            var start = 0
            while start < count {
                let end = min(count, start + Int.random(in: 1...12, using: &random))
                news += running.take(Self.piece(all, start..<end, fine))
                start = end
            }
            news += running.finish()
            var open: Int?
            var ended: [Segment] = []
            for one in news {
                switch one {
                case .begun(let segment):
                    #expect(open == nil)
                    open = segment.start
                case .ended(let segment):
                    #expect(open == segment.start)
                    open = nil
                    ended.append(segment)
                }
            }
            #expect(open == nil && ended == all.segments(options))
        }
    }

    @Test("a segment has begun at the end of the piece in which it is long enough, and is over behind the gap")
    func moments() {
        var running = RunningSegments(SegmentOptions(minimumSnippets: 2, mergeGap: 2))
        func take(_ coarse: [Float]) -> [RunningSegments.News] {
            running.take(Self.scores(coarse, fine: [Float](repeating: 0, count: 3 * coarse.count)))
        }
        func segment(_ start: Int, _ end: Int, _ score: Float) -> Segment {
            Segment(start: start, end: end, label: "a", score: score)
        }
        #expect(take([0, 0.75]) == [])
        #expect(take([0.5]) == [.begun(segment(1, 3, 0.75))])
        #expect(take([0]) == [])
        #expect(take([1, 0]) == [])
        #expect(take([0]) == [.ended(segment(1, 5, 1))])
        #expect(running.finish() == [])
    }

    @Test("only what is wanted is told; what has begun is told to its end")
    func wanted() {
        var running = RunningSegments(SegmentOptions()) { $0.score >= 0.75 }
        let found = running.take(Self.scores([0.5, 0, 0.5, 1, 0, 0.75], fine: [Float](repeating: 0, count: 18)))
        let starts = found.map { news in if case .begun(let segment) = news { segment.start } else { -1 } }
        #expect(starts == [2, -1, 5])
        #expect(running.finish().count == 1)
    }
}
