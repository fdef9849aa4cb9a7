import Testing

@testable import Evaluation

@Suite("Detection mAP")
struct DetectionTests {
    /// Fine logits under which class 1 has these shares, of two classes.
    private func fine(_ logits: [Float]) -> [[Float]] { logits.map { [0, $0] } }

    private func video(_ logits: [Float], truth: [Range<Int>], name: String = "a") -> EvaluatedVideo {
        Videos.make(name, coarse: logits, fine: fine(logits), truth: truth.map { (1, $0) })
    }

    @Test("runs above max - 0.6 (max - min) are proposals, and score their maximum and 0.7 times the top frames' mean")
    func proposals() throws {
        let one = video([-20, 20, 20, -20, 0, -20], truth: [16..<48])
        let found = ClassDetections(of: 1, in: [one], normalTruth: false).proposals
        #expect(found.map(\.frames) == [16..<48, 64..<80])
        // Of 96 frames the top 6 count, all of the highest snippet.
        #expect(abs(found[0].score - 1.7) < 1e-6)
        #expect(abs(found[1].score - 1.2) < 1e-6)
        #expect(found.map(\.hits) == [0b11111, 0])
    }

    @Test("a video whose scores are all equal has no proposal")
    func flat() {
        let one = video([1, 1, 1], truth: [0..<16])
        #expect(ClassDetections(of: 1, in: [one], normalTruth: false).proposals.isEmpty)
    }

    @Test("the top sixteenth of frames is of as many frames as there are snippets, a snippet's in part")
    func topFrames() throws {
        // 20 snippets: the top 20 frames are the highest snippet's 16 and 4 of the next.
        let logits: [Float] = [20, 0] + [Float](repeating: -20, count: 18)
        let found = ClassDetections(of: 1, in: [video(logits, truth: [0..<16])], normalTruth: false).proposals
        #expect(found.count == 1)
        #expect(abs(found[0].score - (1 + 0.7 * ((16 + 4 * 0.5) / 20.0))) < 1e-6)
    }

    @Test("overlap is intersection over union, in frames")
    func overlap() {
        #expect(ClassDetections.overlap(0..<32, 16..<48) == 1.0 / 3)
        #expect(ClassDetections.overlap(0..<16, 16..<32) == 0)
        #expect(ClassDetections.overlap(5..<9, 5..<9) == 1)
    }

    @Test("an interval is taken once, by the highest proposal; the next one takes what is left")
    func matching() {
        // Two proposals inside one long interval: only the higher hits, and only where a quarter is enough.
        let one = video([20, -20, 0, -20], truth: [0..<64])
        let found = ClassDetections(of: 1, in: [one], normalTruth: false)
        #expect(found.proposals.map(\.frames) == [0..<16, 32..<48])
        #expect(found.proposals.map(\.hits) == [0b00011, 0], "16 of 64 frames are IoU 0.25")
        let two = video([20, -20, 0, -20], truth: [0..<16, 32..<48])
        #expect(ClassDetections(of: 1, in: [two], normalTruth: false).proposals.map(\.hits) == [0b11111, 0b11111])
    }

    @Test("an interval of another video, or of another class, is not taken")
    func elsewhere() {
        let here = video([20, -20], truth: [])
        let there = video([-20, 20], truth: [0..<16], name: "b")
        let found = ClassDetections(of: 1, in: [here, there], normalTruth: false)
        #expect(found.truths == [0, 1])
        #expect(found.proposals.map(\.hits) == [0, 0])
    }

    @Test("AP is the precision at each hit, summed up, over the number of intervals")
    func averagePrecision() throws {
        // By falling score: a miss in b, a hit in a; c's interval is never found.
        let videos = [
            video([10, -20, -20], truth: [0..<16]), video([20, -20, -20], truth: [], name: "b"),
            video([-20, -20, -19], truth: [0..<16], name: "c"),
        ]
        let own = try #require(
            ClassDetections(of: 1, in: videos, normalTruth: false).averagePrecisions(weights: [1, 1, 1]))
        #expect(own == [0.25, 0.25, 0.25, 0.25, 0.25])
    }

    @Test("weights count a video's proposals and intervals as often as copies of it would")
    func weights() throws {
        let videos = Videos.random(7, classes: 3, levels: 4_000, seed: 3)
        let weights = [2, 0, 1, 3, 1, 0, 2]
        let copies = zip(videos, weights).flatMap { Array(repeating: $0, count: $1) }
        let weighed = Detections(videos, classes: 3, normalTruth: true).metrics(.published, weights: weights)
        let copied = Detections(copies, classes: 3, normalTruth: true).metrics(.published)
        for (one, other) in zip(weighed.atOverlap, copied.atOverlap) { #expect(abs(one - other) < 1e-9) }
        #expect(copied.average > 0)
    }

    @Test("the protocols differ in which videos and classes count")
    func protocols() {
        // Class 1 is found perfectly; the normal video, a proposal of class 0 as a whole but for its last snippet.
        let abnormal = Videos.make(
            "a", coarse: [0, 0, 0], fine: [[-9, 9], [9, -9], [9, -9]], truth: [(1, 0..<16)])
        let normal = Videos.make("n", coarse: [0, 0, 0], fine: [[9, -9], [9, -9], [-9, 8]], truth: [])
        let evaluation = Evaluation([abnormal, normal], classes: ["normal", "fall"], normalTruth: true)
        // Class 0: the proposals of both videos score alike, the first misses, the second has IoU 2/3.
        #expect(evaluation.map(.published).atOverlap == [75, 75, 75, 75, 75])
        #expect(evaluation.map(.withoutNormalClass).average == 100)
        #expect(evaluation.map(.abnormalVideos).average == 50, "the normal class has no truth there and counts 0")
        #expect(evaluation.map(.abnormalOnly).average == 100)
        let untold = Evaluation([abnormal, normal], classes: ["normal", "fall"], normalTruth: false)
        #expect(untold.map(.published).average == 50)
        #expect(untold.detectionByClass.map(\.intervals) == [0, 1])
    }

    @Test("a class without any proposal makes the published mAP 0, and that is said")
    func void() {
        let flat = Videos.make(
            "a", coarse: [0, 0], fine: [[0, 20, 1], [20, 0, 1]].map { [$0[0], $0[1], -100] }, truth: [(1, 0..<16)])
        let evaluation = Evaluation([flat], classes: Videos.names(3), normalTruth: true)
        #expect(evaluation.map(.published).isVoid)
        #expect(evaluation.map(.published).average == 0)
        #expect(evaluation.detectionByClass[2].atOverlap == nil)
        #expect(evaluation.detectionByClass[1].average == 100)
    }
}
