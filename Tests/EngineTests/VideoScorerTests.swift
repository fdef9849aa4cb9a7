import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import Engine

@Suite("Scoring a video on several threads")
struct VideoScorerTests {
    @Test("the logits are the same bits on any number of threads", arguments: [1, 5, 64, 65, 700])
    func threads(rows: Int) throws {
        let configuration = ModelConfiguration(width: 16, length: 64, layers: 1, window: 8, labels: ["normal", "fire"])
        let model = try Model.synthetic(configuration, kernels: .available[0])
        var random = SeededRandom(seed: UInt64(rows))
        let features = Matrix(rows: rows, columns: 16, values: random.floats(rows * 16, scale: 0.8))
        let alone = Scorer(model: model).logits(of: features)
        #expect(alone.coarse.count == rows)
        for threads in [1, 2, 3, 16] {
            #expect(VideoScorer(model: model, threads: threads).logits(of: features) == alone, "\(threads) threads")
        }
    }
}
