import Datasets
import Evaluation
import Platform
import Tensors
import TestSupport
import Testing
import VadCLIP

/// What README says of the embedded model, on the test split of its scenes: 200 videos that its training never saw.
@Suite("The embedded model")
struct EmbeddedModelTests {
    /// deploy/demo/train.sh compare: the same training without the LGT-Adapter.
    private static let withoutAdapter = (auc: 0.851, ap: 0.591)
    private let world = SceneWorld(seed: 1)

    @Test("finds the events of its test split as README says, and is no longer called untrained")
    func figures() throws {
        let found = try evaluation()
        let (auc, ap) = (try #require(found.coarse.auc), try #require(found.coarse.ap))
        let map = found.map(.withoutNormalClass).average
        #expect(auc > 0.95 && ap > 0.75 && map > 70, "AUC \(auc), AP \(ap), mAP \(map)")
        #expect(auc > Self.withoutAdapter.auc + 0.05 && ap > Self.withoutAdapter.ap + 0.05)
    }

    @Test("is far better than a linear probe of single rows that was told which rows are abnormal")
    func probe() throws {
        let probe = LinearProbe(training: (0..<600).map(world.trainingVideo), iterations: 6)
        let videos = (0..<200).map(world.testVideo)
        let scored = videos.map { video in
            var logits = Logits(snippets: video.features.rows, classes: 2)
            logits.coarse = probe.logits(of: video.features)
            return evaluated(video, logits, classes: ["normal", "abnormal"])
        }
        let found = Evaluation(scored, classes: ["normal", "abnormal"], normalTruth: false)
        let (auc, ap) = (try #require(found.coarse.auc), try #require(found.coarse.ap))
        // One that had learned nothing would be no standard.
        #expect((0.6..<0.85).contains(auc) && ap < 0.6, "AUC \(auc), AP \(ap)")
        let model = try evaluation().coarse
        #expect(try #require(model.auc) > auc + 0.1 && #require(model.ap) > ap + 0.2)
    }

    private func evaluation() throws -> Evaluation {
        let file = try MappedFile(path: Paths.root + "/Sources/CResources/demo.safetensors")
        let (model, _) = try ModelFile.load(file, kernels: .available[0])
        #expect(model.info.trained && model.info.caveat?.contains("made-up scenes") == true)
        #expect(model.classes.labels == SceneEvent.labels)
        let scorer = Scorer(model: model)
        let videos = (0..<200).map(world.testVideo)
        return Evaluation(
            videos.map { evaluated($0, scorer.logits(of: $0.features), classes: SceneEvent.labels) },
            classes: SceneEvent.labels, normalTruth: false)
    }

    private func evaluated(_ video: SceneVideo, _ logits: Logits, classes: [String]) -> EvaluatedVideo {
        let labels = video.events.map { event in
            min((SceneEvent.allCases.firstIndex(of: event.kind) ?? 0) + 1, classes.count - 1)
        }
        return EvaluatedVideo(
            name: video.name, labels: labels.isEmpty ? [0] : Array(Set(labels)).sorted(), logits: logits,
            classes: classes,
            intervals: zip(labels, video.events).map { AnnotatedInterval(label: $0, frames: $1.frames) })
    }
}

/// Logistic regression of single rows, with the truth of each: what can be told of a snippet without its neighbours.
struct LinearProbe {
    private let weights: [Float]

    /// Newton's steps from nothing, with a little of a ridge; the sums of products are made by the kernels.
    init(training videos: [SceneVideo], iterations: Int) {
        let rows = videos.reduce(0) { $0 + $1.features.rows }
        let columns = SceneWorld.width + 1
        let x = Matrix(rows: rows, columns: columns, values: videos.flatMap { Self.padded($0.features) })
        let truth = videos.flatMap { video in
            (0..<video.features.rows).map { row in
                video.events.contains { $0.snippets.contains(row) } ? Float(1) : 0
            }
        }
        let transposed = x.transposed
        var weights = [Float](repeating: 0, count: columns)
        for _ in 0..<iterations {
            let chances = x.times(weights).map { 1 / (1 + exp(-$0)) }
            let pull = transposed.times(zip(chances, truth).map { $0 - $1 })
            var curved = x
            for row in 0..<rows {
                let curve = chances[row] * (1 - chances[row])
                for at in row * columns..<(row + 1) * columns { curved.values[at] *= curve }
            }
            var hessian = transposed.times(curved, kernels: .available[0])
            for diagonal in 0..<columns { hessian.values[diagonal * (columns + 1)] += 1e-2 }
            weights = zip(weights, Self.solve(hessian, pull)).map { $0 - $1 }
        }
        self.weights = weights
    }

    /// The logit of each row.
    func logits(of features: Matrix) -> [Float] {
        Matrix(rows: features.rows, columns: SceneWorld.width + 1, values: Self.padded(features)).times(weights)
    }

    /// Rows with a one at their ends.
    private static func padded(_ features: Matrix) -> [Float] {
        (0..<features.rows).flatMap { Array(features[row: $0]) + [1] }
    }

    /// Gauss's elimination of a positive definite matrix.
    private static func solve(_ matrix: Matrix, _ right: [Float]) -> [Float] {
        let n = right.count
        var (a, b) = (matrix.values.map(Double.init), right.map(Double.init))
        for pivot in 0..<n {
            for row in pivot + 1..<n {
                let factor = a[row * n + pivot] / a[pivot * n + pivot]
                for column in pivot..<n { a[row * n + column] -= factor * a[pivot * n + column] }
                b[row] -= factor * b[pivot]
            }
        }
        for row in (0..<n).reversed() {
            for column in row + 1..<n { b[row] -= a[row * n + column] * b[column] }
            b[row] /= a[row * n + row]
        }
        return b.map { Float($0) }
    }
}
