import Datasets
import Foundation
import JSON
import TestSupport
import Testing

@testable import Evaluation

@Suite("Figures of the published protocol")
struct GoldenTests {
    @Test(
        "are those of scikit-learn and the published code, for both benchmarks",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"),
        arguments: [(Benchmark.ucfCrime, "ucf"), (.xdViolence, "xd")])
    func figures(benchmark: Benchmark, name: String) throws {
        let shared = try #require(Paths.shared)
        let folder = "\(Paths.scratch)/eval-\(name)"
        let made = Paths.run(
            "python3",
            [
                "-B", "\(shared)/golden/make_eval_case.py", "--dataset", name, "--seed", "1", "--data",
                "\(shared)/data",
                "--out", folder,
            ])
        try #require(made.status == 0, "\(made.output)")
        let expected = try JSONReader.parse(
            Array(Data(contentsOf: URL(filePath: "\(shared)/golden/expected/eval.json"))), maxBytes: 1 << 20)[
                "\(name)_seed1"]
        let data = "\(shared)/data"
        let set = try TestSet(
            VideoList(path: Benchmark.file(benchmark.testLists, in: data)),
            annotations: Annotations(
                path: Benchmark.file(benchmark.annotations, in: data), spelling: benchmark.spelling),
            spelling: benchmark.spelling)
        let videos = try set.evaluated(logits: FeatureFolder(path: folder), threads: 2)
        let found = Evaluation(videos, classes: set.classes, normalTruth: benchmark.normalTruth)
        func number(_ key: String) throws -> Double { try #require(expected?[key]?.double) }
        #expect(Double(found.videos.count) == (try number("videos")))
        #expect(Double(found.snippets) == (try number("snippets")))
        #expect(Double(found.anomalousFrames) == (try number("anomalous_frames")))
        #expect(isNear(found.coarse.auc, try number("auc_coarse"), within: 1e-6))
        #expect(isNear(found.coarse.ap, try number("ap_coarse"), within: 1e-6))
        #expect(isNear(found.fine.auc, try number("auc_fine"), within: 1e-6))
        #expect(isNear(found.fine.ap, try number("ap_fine"), within: 1e-6))
        let map = found.map(.published)
        #expect(isNear(map.average, try number("map_average"), within: 1e-4))
        for (key, value) in zip(DetectionMetrics.thresholdNames, map.atOverlap) {
            #expect(isNear(value, try #require(expected?["map_at_iou"]?[key]?.double), within: 1e-4), "IoU \(key)")
        }
    }
}
