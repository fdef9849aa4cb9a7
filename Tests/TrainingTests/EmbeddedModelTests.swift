import CLIP
import Datasets
import Evaluation
import Extraction
import Foundation
import Platform
import Scenes
import Tensors
import TestSupport
import Testing
import VadCLIP

/// What README says of the embedded model, on the first of the test clips that its training never saw, drawn and made features of
/// here: all of them take longer than a test should.
@Suite("The embedded model")
struct EmbeddedModelTests {
    /// A clip and its features.
    private struct Seen: Sendable {
        let clip: SceneClip
        let features: Matrix
    }

    private static let world = SceneWorld(seed: 1)
    private static let file = Result { try MappedFile(path: Paths.root + "/Sources/CResources/demo.safetensors") }
    private static let tested = Result { try seen(20) { world.testClip($0) } }
    /// How segments are cut, as the demo does.
    private static let cut = SegmentOptions(threshold: 0.5, leave: 0.3, minimumSnippets: 2, mergeGap: 3)

    private static func seen(_ count: Int, _ clip: @escaping @Sendable (Int) -> SceneClip) throws -> [Seen] {
        let tower = try KeptImageTower.open(file.get(), kernels: .available[0]).tower()
        let settings = try SceneFolder.settings(for: tower)
        let found = Monitor([Seen?](repeating: nil, count: count))
        TaskCrew(threads: 2, name: "vigil-test").run(count) { index, _ in
            let own = clip(index)
            guard let made = try? Extractor(settings, encoder: tower, threads: 1).extract(own.source),
                let features = made.features.first
            else { return }
            found.withLock { $0[index] = Seen(clip: own, features: features) }
        }
        let all = found.withLock { $0.compactMap(\.self) }
        #expect(all.count == count)
        return all
    }

    @Test("finds the events of test clips as README says, is no longer called untrained, and says what it knows")
    func figures() throws {
        let found = try evaluation()
        let (auc, ap) = (try #require(found.coarse.auc), try #require(found.coarse.ap))
        let map = found.map(.withoutNormalClass).average
        #expect(auc > 0.95 && ap > 0.8 && map > 70, "AUC \(auc), AP \(ap), mAP \(map)")
    }

    @Test("its segments are of the events, in name and in time")
    func segments() throws {
        let (model, _) = try ModelFile.load(Self.file.get(), kernels: .available[0])
        let scorer = Scorer(model: model)
        var (events, named, overlaps) = (0, 0, [Double]())
        for seen in try Self.tested.get() {
            let scores = Scores(
                scorer.logits(of: seen.features), labels: SceneEvent.labels, readout: model.configuration.kind.readout)
            let segments = scores.segments(Self.cut)
            for event in seen.clip.events {
                events += 1
                let own = segments.map { (segment: $0, share: Self.overlap($0.start * 16..<$0.end * 16, event.frames)) }
                guard let best = own.max(by: { $0.share < $1.share }), best.share > 0 else { continue }
                overlaps.append(best.share)
                named += best.segment.label == event.kind.rawValue ? 1 : 0
            }
        }
        let mean = overlaps.reduce(0, +) / Double(max(overlaps.count, 1))
        #expect(overlaps.count * 10 >= events * 8, "\(overlaps.count) of \(events) found")
        #expect(named * 10 >= events * 7, "\(named) of \(events) named")
        #expect(mean > 0.6, "mean IoU of found events \(mean): \(overlaps)")
    }

    @Test("a linear probe of single rows, told which rows of other clips are abnormal, orders frames worse")
    func probe() throws {
        let known = try Self.seen(20) { Self.world.validationClip($0) }
        let probe = LinearProbe(
            rows: known.flatMap { seen in (0..<seen.features.rows).map { Array(seen.features[row: $0]) } },
            truths: known.flatMap { seen in
                (0..<seen.features.rows).map { row in
                    seen.clip.events.contains { $0.frames.overlaps(row * 16..<row * 16 + 16) }
                }
            })
        let probed = Evaluation(
            try Self.tested.get().map { seen in
                let coarse = (0..<seen.features.rows).map { probe.logit(of: seen.features[row: $0]) }
                var logits = Logits(snippets: coarse.count, classes: SceneEvent.labels.count)
                logits.coarse = coarse
                return evaluated(seen.clip, logits, classes: SceneEvent.labels)
            },
            classes: SceneEvent.labels, normalTruth: false)
        let (own, other) = (try evaluation().coarse, probed.coarse)
        let (auc, ap) = (try #require(own.auc), try #require(own.ap))
        let (probeAUC, probeAP) = (try #require(other.auc), try #require(other.ap))
        #expect(probeAUC > 0.8, "a probe that has learnt something: \(probeAUC)")
        #expect(auc > probeAUC && ap > probeAP, "AUC \(auc) and \(probeAUC), AP \(ap) and \(probeAP)")
    }

    private static func overlap(_ a: Range<Int>, _ b: Range<Int>) -> Double {
        let both = a.clamped(to: b).count
        return Double(both) / Double(a.count + b.count - both)
    }

    private func evaluation() throws -> Evaluation {
        let (model, _) = try ModelFile.load(Self.file.get(), kernels: .available[0])
        #expect(model.info.trained && model.info.caveat?.contains("made-up scenes") == true)
        #expect(model.classes.labels == SceneEvent.labels)
        let scorer = Scorer(model: model)
        return Evaluation(
            try Self.tested.get().map {
                evaluated($0.clip, scorer.logits(of: $0.features), classes: SceneEvent.labels)
            },
            classes: SceneEvent.labels, normalTruth: false)
    }

    private func evaluated(_ clip: SceneClip, _ logits: Logits, classes: [String]) -> EvaluatedVideo {
        let labels = clip.events.map { event in
            min((SceneEvent.allCases.firstIndex(of: event.kind) ?? 0) + 1, classes.count - 1)
        }
        return EvaluatedVideo(
            name: clip.name, labels: labels.isEmpty ? [0] : Array(Set(labels)).sorted(), logits: logits,
            classes: classes,
            intervals: zip(labels, clip.events).map { AnnotatedInterval(label: $0, frames: $1.frames) })
    }
}

/// Logistic regression on standardised rows, by steps down the gradient.
private struct LinearProbe {
    private var weights: [Float]
    private var bias: Float = 0
    private let means: [Float]
    private let scales: [Float]

    init(rows: [[Float]], truths: [Bool]) {
        let (count, width) = (Float(rows.count), rows[0].count)
        let means = (0..<width).map { column in rows.reduce(0) { $0 + $1[column] } / count }
        self.means = means
        weights = [Float](repeating: 0, count: width)
        scales = (0..<width).map { column in
            let variance = rows.reduce(0) { $0 + ($1[column] - means[column]) * ($1[column] - means[column]) } / count
            return 1 / max(variance.squareRoot(), 1e-6)
        }
        for _ in 0..<300 {
            var (slopes, slope) = ([Float](repeating: 0, count: width), Float(0))
            for (row, truth) in zip(rows, truths) {
                let wrong = 1 / (1 + exp(-logit(of: row[...]))) - (truth ? 1 : 0)
                for column in 0..<width { slopes[column] += wrong * (row[column] - means[column]) * scales[column] }
                slope += wrong
            }
            for column in 0..<width { weights[column] -= slopes[column] / count }
            bias -= slope / count
        }
    }

    func logit(of row: ArraySlice<Float>) -> Float {
        var sum = bias
        for (column, value) in row.enumerated() { sum += weights[column] * (value - means[column]) * scales[column] }
        return sum
    }
}
