import Testing

@testable import Evaluation

@Suite("AUC and AP of frames")
struct FrameMetricsTests {
    private func figures(_ videos: [EvaluatedVideo]) -> Ranking.Figures { Ranking(videos, .coarse).figures() }

    @Test("a snippet stands for 16 frames, and an interval ends before its last frame")
    func frames() {
        let video = Videos.make(coarse: [0, 0, 0, 0], truth: [8..<17, 40..<48, 44..<200])
        #expect(video.positives == [8, 1, 8, 16])
        #expect(
            Videos.make(coarse: [0, 0], truth: [64..<80]).positives == [0, 0], "what lies behind the video is cut off")
        #expect(Videos.make(coarse: [0], truth: [0..<16], isNormal: true).positives == [0])
    }

    @Test("figures of small tables, by hand")
    func tables() {
        let perfect = Videos.make(coarse: [3, 2, 1, 0], truth: [0..<32])
        #expect(figures([perfect]) == Ranking.Figures(auc: 1, ap: 1))
        let worst = Videos.make(coarse: [0, 1, 2, 3], truth: [0..<32])
        // At recall 1/2 the precision is 1/3, at 1 it is 1/2.
        #expect(figures([worst]).auc == 0)
        #expect(isNear(figures([worst]).ap, 0.5 * (1.0 / 3) + 0.5 * 0.5))
        let equal = Videos.make(coarse: [1, 1, 1, 1], truth: [0..<16])
        #expect(figures([equal]) == Ranking.Figures(auc: 0.5, ap: 0.25))
        // Scores 2, 1, 1, 0 with truths 1, 1, 0, 0: the pair of equals counts a half of the four pairs of snippets.
        let mixed = Videos.make(coarse: [2, 1, 1, 0], truth: [0..<32])
        #expect(figures([mixed]).auc == 3.5 / 4)
        #expect(isNear(figures([mixed]).ap, 0.5 + 0.5 * (2.0 / 3)))
    }

    @Test("without abnormal frames neither is defined, without normal ones the AUC is not")
    func undefined() {
        #expect(figures([Videos.make(coarse: [1, 2])]) == Ranking.Figures(auc: nil, ap: nil))
        #expect(figures([Videos.make(coarse: [1, 2], truth: [0..<32])]) == Ranking.Figures(auc: nil, ap: 1))
        #expect(figures([]) == Ranking.Figures(auc: nil, ap: nil))
    }

    @Test("the AUC is the share of pairs that stand right, ties by half", arguments: 1...8 as ClosedRange<UInt64>)
    func pairs(seed: UInt64) {
        let videos = Videos.random(6, seed: seed)
        for branch in Branch.allCases {
            let frames = Videos.frames(videos, branch)
            let (truths, others) = (frames.filter(\.truth), frames.filter { !$0.truth })
            var doubled = 0
            for one in truths {
                for other in others { doubled += one.score > other.score ? 2 : one.score == other.score ? 1 : 0 }
            }
            let expected = Double(doubled) / 2 / Double(truths.count) / Double(others.count)
            #expect(isNear(Ranking(videos, branch).figures().auc, expected), "seed \(seed)")
        }
    }

    @Test(
        "the AP is the sum of steps of recall times precision, of all equal scores at once",
        arguments: 1...8 as ClosedRange<UInt64>)
    func steps(seed: UInt64) {
        let videos = Videos.random(6, seed: seed)
        for branch in Branch.allCases {
            let frames = Videos.frames(videos, branch)
            let all = Double(frames.count(where: \.truth))
            var (expected, before) = (0.0, 0.0)
            for score in Set(frames.map(\.score)).sorted(by: >) {
                let taken = frames.filter { $0.score >= score }
                let truths = Double(taken.count(where: \.truth))
                expected += (truths - before) / all * truths / Double(taken.count)
                before = truths
            }
            #expect(isNear(Ranking(videos, branch).figures().ap, expected), "seed \(seed)")
        }
    }

    @Test("neither changes where scores are stretched, and the AUC turns round where they do")
    func invariance() {
        let logits: [[Float]] = [[0.5, -1, 2, 0.5], [3, -2, 0.5, 1, 1]]
        func videos(_ change: (Float) -> Float) -> [EvaluatedVideo] {
            logits.enumerated().map { index, own in
                Videos.make("\(index)", coarse: own.map(change), truth: [8..<40 + 8 * index])
            }
        }
        let plain = figures(videos { $0 })
        #expect(figures(videos { 0.5 * $0 - 1 }) == plain)
        #expect(isNear(figures(videos { -$0 }).auc, 1 - (plain.auc ?? 0)))
        #expect(figures(videos { $0 } + videos { $0 }) == plain, "twice the same is the same")
    }

    @Test("a video that counts twice is as good as two of it")
    func weights() {
        let videos = Videos.random(5, seed: 9)
        let weights = [2, 0, 1, 3, 1]
        let repeated = zip(videos, weights).flatMap { Array(repeating: $0, count: $1) }
        for branch in Branch.allCases {
            #expect(Ranking(videos, branch).figures(weights: weights) == Ranking(repeated, branch).figures())
        }
    }

    @Test("Ano-AUC is the AUC of the abnormal videos alone")
    func abnormalAlone() {
        let normal = Videos.make("n", coarse: [9, 9, 9, 9])
        let abnormal = Videos.make("a", coarse: [3, 2, 1, 0], truth: [0..<32])
        let metrics = FrameMetrics([normal, abnormal], .coarse)
        #expect(metrics.abnormalAUC == 1 && metrics.abnormalAP == 1)
        #expect(isNear(metrics.auc, 2.0 / 6))
    }

    @Test("the fine score is one less the normal class's")
    func fineScore() {
        let video = Videos.make(coarse: [0, 0], fine: [[0, 0], [0, 40]], truth: [(1, 16..<32)])
        #expect(video.scores(.fine) == [0.5, 1])
        #expect(FrameMetrics([video], .fine).auc == 1)
        #expect(FrameMetrics([video], .coarse).auc == 0.5)
    }
}
