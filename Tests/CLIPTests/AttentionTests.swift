import Foundation
import Tensors
import TestSupport
import Testing

@testable import CLIP

/// Weights of one block, random.
private struct BlockWeights: WeightSource {
    let tensors: [String: (shape: [Int], values: [Float])]

    init(prefix: String, width: Int, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let shapes: [(String, [Int])] = [
            ("attn.in_proj_weight", [3 * width, width]), ("attn.in_proj_bias", [3 * width]),
            ("attn.out_proj.weight", [width, width]), ("attn.out_proj.bias", [width]), ("ln_1.weight", [width]),
            ("ln_1.bias", [width]), ("mlp.c_fc.weight", [4 * width, width]), ("mlp.c_fc.bias", [4 * width]),
            ("mlp.c_proj.weight", [width, 4 * width]), ("mlp.c_proj.bias", [width]), ("ln_2.weight", [width]),
            ("ln_2.bias", [width]),
        ]
        tensors = Dictionary(
            uniqueKeysWithValues: shapes.map { name, shape in
                (prefix + "." + name, (shape, random.floats(shape.reduce(1, *), scale: 0.3)))
            })
    }

    func shape(of name: String) -> [Int]? { tensors[name]?.shape }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        guard let tensor = tensors[name], tensor.shape == shape else {
            throw WeightError(name: name, problem: "is missing")
        }
        return tensor.values
    }
}

@Suite("Attention")
struct AttentionTests {
    private let width = 8

    private func run(_ values: [Float], heads: Int = 1) throws -> [Float] {
        let kernels = Kernels.portable
        let block = try AttentionBlock(
            from: BlockWeights(prefix: "b", width: width, seed: 11), prefix: "b", width: width, heads: heads,
            in: Preparation(kernels: kernels))
        let workspace = Workspace()
        let rows = values.count / width
        let x = workspace.matrix(rows: rows, columns: width)
        x.copy(from: values[...])
        block.run(x, scratch: AttentionScratch(in: workspace, rows: rows, width: width), kernels: kernels)
        return x.values()
    }

    @Test("with a causal mask no row sees a later one", arguments: [1, 2])
    func causal(heads: Int) throws {
        var random = SeededRandom(seed: 13)
        let values = random.floats(9 * width)
        let all = try run(values, heads: heads)
        for count in 1...9 {
            let begin = try run(Array(values[..<(count * width)]), heads: heads)
            for (a, b) in zip(all, begin) { #expect(abs(a - b) < 1e-5) }
        }
    }

    @Test("a tensor that is missing is named")
    func missing() {
        #expect(throws: WeightError(name: "c.attn.in_proj_weight", problem: "is missing")) {
            try AttentionBlock(
                from: BlockWeights(prefix: "b", width: 8, seed: 1), prefix: "c", width: 8, heads: 1,
                in: Preparation(kernels: .portable))
        }
    }
}
