import Foundation
import Tensors
import TestSupport
import Testing

@testable import VadCLIP

/// The parts whose matrices are joined when weights are prepared, against the published formulas step by step.
@Suite("Joined weights")
struct FoldingTests {
    private let width = 12
    private let source: SyntheticWeights

    init() {
        source = SyntheticWeights(
            ModelConfiguration(width: width, length: 32, layers: 1, window: 4, labels: ["a", "b"]), seed: 3)
    }

    private func weights(_ name: String, _ rows: Int, _ columns: Int) throws -> [[Double]] {
        let values = try source.floats(name, shape: [rows, columns]).map(Double.init)
        return (0..<rows).map { Array(values[$0 * columns..<($0 + 1) * columns]) }
    }

    private func vector(_ name: String, _ count: Int) throws -> [Double] {
        try source.floats(name, shape: [count]).map(Double.init)
    }

    private func linear(_ x: [Double], _ weights: ArraySlice<[Double]>, _ bias: ArraySlice<Double>) -> [Double] {
        zip(weights, bias).map { row, b in zip(row, x).reduce(b) { $0 + $1.0 * $1.1 } }
    }

    private func gelu(_ u: Double) -> Double { u / (1 + exp(-1.702 * u)) }

    private func layerNorm(_ x: [Double], _ name: String) throws -> [Double] {
        let mean = x.reduce(0, +) / Double(width)
        let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
        let (gain, shift) = (try vector(name + ".weight", width), try vector(name + ".bias", width))
        return x.indices.map { (x[$0] - mean) / (variance + 1e-5).squareRoot() * gain[$0] + shift[$0] }
    }

    /// x += Attention(LN1(x)), x += W2 g(W1 LN2(x)), with queries, keys, values and output projections of their own.
    private func published(_ rows: [[Double]], window: Int) throws -> [[Double]] {
        let (d, name) = (width, "temporal.resblocks.0")
        let input = try weights(name + ".attn.in_proj_weight", 3 * d, d)
        let inputBias = try vector(name + ".attn.in_proj_bias", 3 * d)
        let output = try weights(name + ".attn.out_proj.weight", d, d)
        let outputBias = try vector(name + ".attn.out_proj.bias", d)
        let normed = try rows.map { try layerNorm($0, name + ".ln_1") }
        let parts = (0..<3).map { part in
            normed.map { linear($0, input[part * d..<(part + 1) * d], inputBias[part * d..<(part + 1) * d]) }
        }
        return try rows.indices.map { i in
            let members = rows.indices.filter { $0 / window == i / window }
            let scores = members.map { j in
                zip(parts[0][i], parts[1][j]).reduce(0) { $0 + $1.0 * $1.1 } / Double(d).squareRoot()
            }
            let powers = scores.map { exp($0 - (scores.max() ?? 0)) }
            let total = powers.reduce(0, +)
            var mixed = [Double](repeating: 0, count: d)
            for (power, j) in zip(powers, members) {
                for column in 0..<d { mixed[column] += power / total * parts[2][j][column] }
            }
            let attended = zip(rows[i], linear(mixed, output[...], outputBias[...])).map { $0 + $1 }
            let hidden = linear(
                try layerNorm(attended, name + ".ln_2"), try weights(name + ".mlp.c_fc.weight", 4 * d, d)[...],
                try vector(name + ".mlp.c_fc.bias", 4 * d)[...]
            ).map(gelu)
            let fed = linear(
                hidden, try weights(name + ".mlp.c_proj.weight", d, 4 * d)[...],
                try vector(name + ".mlp.c_proj.bias", d)[...])
            return zip(attended, fed).map { $0 + $1 }
        }
    }

    @Test("a local layer gives the published attention, window by window", arguments: Kernels.available.map(\.name))
    func localBlock(name: String) throws {
        let kernels = try Kernels.named(name)
        let block = try LocalBlock(
            from: source, prefix: "temporal.resblocks.0", width: width, in: Preparation(kernels: kernels))
        var random = SeededRandom(seed: 8)
        for (rows, window) in [(1, 4), (11, 4), (16, 8), (5, 64)] {
            let values = random.floats(rows * width)
            let workspace = Workspace()
            let x = workspace.matrix(rows: rows, columns: width)
            x.copy(from: values[...])
            let hands = workspace.hands(rows: rows, inputs: 4 * width, for: kernels)
            block.run(
                x, window: window,
                scratch: LocalScratch(
                    in: workspace, length: rows, width: width, window: min(window, rows), hands: hands),
                by: hands)
            let expected = try published(
                (0..<rows).map { values[$0 * width..<($0 + 1) * width].map(Double.init) }, window: window)
            let difference = largestDifference(x.values(), expected.flatMap { $0.map(Float.init) })
            #expect(difference <= 2e-5, "\(rows) in windows of \(window)")
        }
    }

    @Test("the coarse branch gives w·(V + MLP2(V)) + b", arguments: Kernels.available.map(\.name))
    func coarseHead(name: String) throws {
        let kernels = try Kernels.named(name)
        let (d, rows) = (width, 9)
        let head = try CoarseHead(from: source, width: d, in: Preparation(kernels: kernels))
        var random = SeededRandom(seed: 9)
        let values = random.floats(rows * d)
        let workspace = Workspace()
        let v = workspace.matrix(rows: rows, columns: d)
        v.copy(from: values[...])
        let c = workspace.matrix(rows: rows, columns: 1)
        head.run(
            v, into: c, hidden: workspace.matrix(rows: rows, columns: 4 * d),
            part: workspace.matrix(rows: rows, columns: 1),
            by: workspace.hands(rows: rows, inputs: 4 * d, for: kernels))
        let expected = try (0..<rows).map { row in
            let x = values[row * d..<(row + 1) * d].map(Double.init)
            let hidden = linear(
                x, try weights("mlp2.c_fc.weight", 4 * d, d)[...], try vector("mlp2.c_fc.bias", 4 * d)[...]
            ).map(gelu)
            let fed = linear(
                hidden, try weights("mlp2.c_proj.weight", d, 4 * d)[...], try vector("mlp2.c_proj.bias", d)[...])
            return linear(
                zip(x, fed).map { $0 + $1 }, try weights("classifier.weight", 1, d)[...],
                try vector("classifier.bias", 1)[...])[0]
        }
        #expect(largestDifference(c.values(), expected.map(Float.init)) <= 1e-5)
    }
}
