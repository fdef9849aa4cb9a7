import TestSupport
import Testing

@testable import VadCLIP

@Suite("Segments")
struct SegmentTests {
    private func scores(_ coarse: [Float]) -> Scores {
        // Logits whose sigmoid and softmax are the scores wanted.
        var logits = Logits(snippets: coarse.count, classes: 3)
        logits.coarse = coarse
        for snippet in coarse.indices { logits.fine[snippet * 3 + 1 + snippet % 2] = snippet % 4 == 0 ? 3 : 1 }
        return Scores(logits, labels: ["normal", "fire", "riot"], coarse: coarse)
    }

    private func cut(_ coarse: [Float], _ options: SegmentOptions) -> [Range<Int>] {
        scores(coarse).segments(options).map { $0.start..<$0.end }
    }

    @Test("a run begins at the threshold and ends below it; the end is exclusive")
    func threshold() {
        #expect(cut([0.1, 0.5, 0.9, 0.49, 0.5], SegmentOptions()) == [1..<3, 4..<5])
        #expect(cut([0.9, 0.9], SegmentOptions()) == [0..<2])
        #expect(cut([0.1, 0.2], SegmentOptions()) == [])
    }

    @Test("once begun, a run goes on while it is at least `leave`")
    func leave() {
        let options = SegmentOptions(threshold: 0.8, leave: 0.4)
        #expect(cut([0.5, 0.8, 0.5, 0.4, 0.39, 0.7, 0.9, 0.1], options) == [1..<4, 6..<7])
    }

    @Test("runs fewer than merge_gap apart are one, then runs shorter than min_snippets are dropped")
    func mergeThenDrop() {
        let coarse: [Float] = [0.9, 0.1, 0.9, 0.1, 0.1, 0.9]
        #expect(cut(coarse, SegmentOptions(mergeGap: 1)) == [0..<1, 2..<3, 5..<6])
        #expect(cut(coarse, SegmentOptions(mergeGap: 2)) == [0..<3, 5..<6])
        #expect(cut(coarse, SegmentOptions(mergeGap: 3)) == [0..<6])
        #expect(cut(coarse, SegmentOptions(minimumSnippets: 2, mergeGap: 2)) == [0..<3])
    }

    @Test("the label is the abnormal class with the highest mean, the score the highest coarse score")
    func labels() {
        let segments = scores([0.6, 0.7, 0.1, 0.1, 0.8]).segments(SegmentOptions())
        #expect(segments.map(\.label) == ["fire", "fire"])
        #expect(segments.map(\.score) == [0.7, 0.8])
        #expect(segments[0].seconds(fps: 32).start == 0)
        #expect(segments[0].seconds(fps: 32).end == 1)
    }

    @Test("random scores are cut as a plain reading of the rule cuts them", arguments: 0..<40)
    func againstPlainReading(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let coarse = random.floats(Int.random(in: 1...60, using: &random)).map { abs($0) }
        let threshold = Float.random(in: 0.2...0.9, using: &random)
        let options = SegmentOptions(
            threshold: threshold, leave: Float.random(in: 0...threshold, using: &random),
            minimumSnippets: Int.random(in: 1...4, using: &random), mergeGap: Int.random(in: 0...4, using: &random))
        var inside = [Bool](repeating: false, count: coarse.count)
        for index in coarse.indices {
            let goesOn = index > 0 && inside[index - 1] && coarse[index] >= options.leave
            inside[index] = goesOn || coarse[index] >= options.threshold
        }
        for gapEnd in coarse.indices where inside[gapEnd] {
            guard let last = inside[..<gapEnd].lastIndex(of: true), gapEnd - last - 1 < options.mergeGap else {
                continue
            }
            for index in last..<gapEnd { inside[index] = true }
        }
        var expected: [Range<Int>] = []
        for index in coarse.indices where inside[index] {
            if let last = expected.last, last.upperBound == index {
                expected[expected.count - 1] = last.lowerBound..<index + 1
            } else {
                expected.append(index..<index + 1)
            }
        }
        #expect(cut(coarse, options) == expected.filter { $0.count >= options.minimumSnippets }, "seed \(seed)")
    }
}

@Suite("The video's summary")
struct VideoSummaryTests {
    @Test("it is the mean of the T/16+1 highest snippets, and the softmax of those means over the classes")
    func meanOfHighest() {
        var logits = Logits(snippets: 33, classes: 2)
        for snippet in 0..<33 {
            logits.coarse[snippet] = Float(snippet) / 10
            logits.fine[snippet * 2] = Float(33 - snippet)
            logits.fine[snippet * 2 + 1] = Float(snippet)
        }
        let summary = VideoSummary(logits, labels: ["normal", "fire"])
        let highest = [3.2, 3.1, 3.0].map { 1 / (1 + exactExp(-$0)) }
        #expect(abs(Double(summary.coarse) - highest.reduce(0, +) / 3) < 1e-6)
        // Means 32 and 31.
        #expect(abs(Double(summary.scores[0]) - 1 / (1 + exactExp(-1))) < 1e-6)
        #expect(summary.label == "normal")
    }

    @Test("one snippet is its own mean")
    func oneSnippet() {
        var logits = Logits(snippets: 1, classes: 2)
        logits.fine = [0, 2]
        let summary = VideoSummary(logits, labels: ["normal", "fire"])
        #expect(summary.coarse == 0.5)
        #expect(summary.label == "fire")
    }

    @Test("any order of the snippets gives the mean of a sorted list's front", arguments: [1, 15, 16, 40, 200, 1_000])
    func anyOrder(snippets: Int) {
        var random = SeededRandom(seed: UInt64(snippets))
        let k = min(snippets, snippets / 16 + 1)
        let drawn = random.floats(snippets, scale: 4)
        for order in [drawn, drawn.sorted(), drawn.sorted(by: >), drawn.map { $0.rounded() }] {
            let logits = Logits(snippets: snippets, classes: 1, coarse: order, fine: order)
            let expected = order.map(sigmoid).sorted(by: >).prefix(k).reduce(0, +) / Float(k)
            #expect(VideoSummary(logits, labels: ["normal"]).coarse == expected)
        }
    }
}
