import Datasets
import TestSupport
import VadCLIP

@testable import Evaluation

/// Videos made of few numbers.
enum Videos {
    /// A video of two classes, whose fine logits follow the coarse ones.
    static func make(
        _ name: String = "a", coarse: [Float], truth: [Range<Int>] = [], isNormal: Bool? = nil
    ) -> EvaluatedVideo {
        make(name, coarse: coarse, fine: coarse.map { [0, $0] }, truth: truth.map { (1, $0) }, isNormal: isNormal)
    }

    /// A video with its logits, [T] and [T][K].
    static func make(
        _ name: String = "a", coarse: [Float], fine: [[Float]], truth: [(label: Int, frames: Range<Int>)],
        isNormal: Bool? = nil
    ) -> EvaluatedVideo {
        let classes = fine.first?.count ?? 2
        let isNormal = isNormal ?? truth.isEmpty
        return EvaluatedVideo(
            name: name, labels: isNormal ? [0] : Set(truth.map(\.label)).sorted() + (truth.isEmpty ? [1] : []),
            logits: Logits(snippets: coarse.count, classes: classes, coarse: coarse, fine: fine.flatMap { $0 }),
            classes: names(classes), intervals: truth.map { AnnotatedInterval(label: $0.label, frames: $0.frames) })
    }

    static func names(_ count: Int) -> [String] { ["normal"] + (1..<count).map { "class \($0)" } }

    /// Videos with scores of few values, so that many are equal, and intervals anywhere.
    static func random(_ count: Int, classes: Int = 3, levels: Int = 6, seed: UInt64) -> [EvaluatedVideo] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { index in
            let snippets = Int.random(in: 1...40, using: &random)
            func level() -> Float { 4 * Float(Int.random(in: 0..<levels, using: &random)) / Float(levels) - 2 }
            let truth: [(label: Int, frames: Range<Int>)] = (0..<(index.isMultiple(of: 3) ? 0 : 2)).map { _ in
                let start = Int.random(in: 0..<snippets * 16, using: &random)
                return (
                    Int.random(in: 1..<classes, using: &random), start..<start + Int.random(in: 1...200, using: &random)
                )
            }
            return make(
                "video \(index)", coarse: (0..<snippets).map { _ in level() },
                fine: (0..<snippets).map { _ in (0..<classes).map { _ in level() } }, truth: truth)
        }
    }

    /// All frames' scores and truths, one by one.
    static func frames(_ videos: [EvaluatedVideo], _ branch: Branch) -> [(score: Double, truth: Bool)] {
        videos.flatMap { video in
            let scores = video.scores(branch)
            return (0..<video.frames).map { frame in
                (scores[frame / 16], video.intervals.contains { $0.frames.contains(frame) })
            }
        }
    }
}

/// Whether a figure is there and is what was reckoned another way.
func isNear(_ found: Double?, _ expected: Double, within tolerance: Double = 1e-12) -> Bool {
    found.map { abs($0 - expected) <= tolerance } ?? false
}
