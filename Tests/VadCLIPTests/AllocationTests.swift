import AllocationCount
import Tensors
import Testing

@testable import VadCLIP

@Suite("Scratch memory", .enabled(if: allocation_count_works(), "malloc can't be counted in this build"))
struct AllocationTests {
    @Test("the counter sees an array being made")
    func counts() {
        let before = allocation_count()
        let array = [Float](repeating: 1, count: 10_000)
        #expect(allocation_count() > before)
        #expect(array.count == 10_000)
    }

    @Test(
        "scoring a chunk allocates nothing, whatever its length", arguments: Kernels.available,
        Compute.allCases)
    func scoring(kernels: Kernels, compute: Compute) throws {
        let source = RandomModel(width: 64, length: 64, layers: 2, window: 8, seed: 3)
        let model = try source.model(kernels.computing(compute))
        let scorer = ChunkScorer(model: model)
        var coarse = [Float](repeating: 0, count: 64)
        var fine = [Float](repeating: 0, count: 64 * model.classes.labels.count)
        for rows in [1, 30, 63, 64] {
            let features = source.features(rows, seed: 5)
            func score() {
                scorer.score(
                    features.values[...], classes: model.classes, coarse: &coarse, fine: &fine, offset: 0)
            }
            score()
            let before = allocation_count()
            score()
            #expect(allocation_count() - before == 0, "\(rows) snippets")
        }
    }
}
