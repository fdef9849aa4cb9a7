import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import Training

/// The tensors that are trained, and what they start with.
@Suite("Parameters")
struct ParametersTests {
    private let layout = ParameterLayout(
        ModelConfiguration(width: 64, length: 32, layers: 2, window: 8, labels: ["normal", "fire"]), textWidth: 64)

    private func values(_ name: String, seed: UInt64 = 1) throws -> [Float] {
        let tensor = try #require(layout[name])
        return Array(Parameters(layout: layout, seed: seed).values[tensor.range])
    }

    @Test("they stand in the published order, one behind another")
    func order() {
        let names = layout.tensors.map(\.name)
        #expect(names.first == "temporal.resblocks.0.attn.in_proj_weight")
        #expect(names.suffix(3) == ["classifier.bias", "frame_position_embeddings.weight", ParameterLayout.prompt])
        #expect(names.firstIndex(of: ParameterLayout.sigma) == names.firstIndex(of: "gc4.weight").map { $0 + 1 })
        #expect(layout.tensors.reduce(0) { $0 + $1.range.count } == layout.count)
        for (tensor, next) in zip(layout.tensors, layout.tensors.dropFirst()) {
            #expect(tensor.range.upperBound == next.range.lowerBound)
        }
    }

    /// Squares of the bounds.
    static let squares: [(String, Double)] = [
        ("temporal.resblocks.0.attn.in_proj_weight", 6.0 / 256),
        ("temporal.resblocks.1.attn.out_proj.weight", 1.0 / 64), ("temporal.resblocks.1.mlp.c_proj.weight", 1.0 / 256),
        ("gc1.weight", 6.0 / 96), ("gc2.weight", 6.0 / 64), ("gc3.residual.weight", 1.0 / 320),
        ("mlp1.c_fc.bias", 1.0 / 64), ("mlp2.c_proj.bias", 1.0 / 256),
    ]

    @Test("uniform weights fill their bounds and no more", arguments: squares)
    func uniform(name: String, square: Double) throws {
        let bound = square.squareRoot()
        let values = try values(name).map(Double.init)
        let largest = values.map(abs).max() ?? 0
        #expect(largest <= bound * 1.0001 && largest > 0.9 * bound, "\(largest), expected up to \(bound)")
        let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
        #expect(abs(deviation / bound - 1 / 3.0.squareRoot()) < 0.1)
    }

    @Test(
        "prompt and positions are normal with a deviation of 0.01",
        arguments: [
            ParameterLayout.prompt, "frame_position_embeddings.weight",
        ])
    func normal(name: String) throws {
        let values = try values(name).map(Double.init)
        let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
        #expect(abs(deviation - 0.01) < 0.0008)
        #expect(abs(values.reduce(0, +) / Double(values.count)) < 0.001)
        #expect(values.contains { abs($0) > 0.025 })
    }

    @Test("what PyTorch does not draw is constant")
    func constants() throws {
        #expect(try values(ParameterLayout.sigma) == [0.1])
        #expect(try Set(values("temporal.resblocks.0.attn.in_proj_bias")) == [0])
        #expect(try Set(values("temporal.resblocks.0.attn.out_proj.bias")) == [0])
        #expect(try Set(values("temporal.resblocks.0.ln_1.weight")) == [1])
        #expect(try Set(values("temporal.resblocks.0.ln_2.bias")) == [0])
    }

    @Test("a seed gives the same start, and another one another; no two tensors start alike")
    func seeds() throws {
        #expect(Parameters(layout: layout, seed: 5) == Parameters(layout: layout, seed: 5))
        #expect(try values("gc1.weight", seed: 5) != values("gc1.weight", seed: 6))
        #expect(try values("gc2.weight") != values("gc4.weight"))
    }

    @Test("they are read from a checkpoint by name and shape, and sigma may be missing")
    func read() throws {
        let start = Parameters(layout: layout, seed: 3)
        #expect(try Parameters(layout: layout, from: start) == start)
        let other = ParameterLayout(
            ModelConfiguration(width: 64, length: 16, layers: 2, window: 8, labels: ["normal", "fire"]), textWidth: 64)
        #expect(throws: WeightError.self) { try Parameters(layout: other, from: start) }
        #expect(try Parameters(layout: layout, from: WithoutSigma(source: start)) == start)
    }

    private struct WithoutSigma: WeightSource {
        let source: Parameters

        func shape(of name: String) -> [Int]? { name == ParameterLayout.sigma ? nil : source.shape(of: name) }

        func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
            guard name != ParameterLayout.sigma else { throw WeightError(name: name, problem: "is missing") }
            return try source.floats(name, shape: shape)
        }
    }
}
