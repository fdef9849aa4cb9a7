import Tensors
import TestSupport
import Testing

@testable import CLIP

/// A whole small tower's weights, random.
private struct TowerWeights: WeightSource {
    private let tensors: [String: (shape: [Int], values: [Float])]

    init(_ c: TextTower.Configuration, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let d = c.width
        var shapes: [(String, [Int])] = [
            (TextTower.Names.tokens, [c.vocabulary, d]), (TextTower.Names.positions, [c.context, d]),
            (TextTower.Names.prompt, [c.context, d]), (TextTower.Names.projection, [d, c.outputWidth]),
            (TextTower.Names.finalNorm + ".weight", [d]), (TextTower.Names.finalNorm + ".bias", [d]),
        ]
        for layer in 0..<c.layers {
            let prefix = TextTower.Names.blocks + String(layer)
            shapes += [
                (prefix + ".attn.in_proj_weight", [3 * d, d]), (prefix + ".attn.in_proj_bias", [3 * d]),
                (prefix + ".attn.out_proj.weight", [d, d]), (prefix + ".attn.out_proj.bias", [d]),
                (prefix + ".ln_1.weight", [d]), (prefix + ".ln_1.bias", [d]), (prefix + ".ln_2.weight", [d]),
                (prefix + ".ln_2.bias", [d]), (prefix + ".mlp.c_fc.weight", [4 * d, d]),
                (prefix + ".mlp.c_fc.bias", [4 * d]), (prefix + ".mlp.c_proj.weight", [d, 4 * d]),
                (prefix + ".mlp.c_proj.bias", [d]),
            ]
        }
        tensors = Dictionary(
            uniqueKeysWithValues: shapes.map { name, shape in
                (name, (shape, random.floats(shape.reduce(1, *), scale: shape.count == 1 ? 1 : 0.15)))
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

@Suite("The text tower in training")
struct PromptEncoderTests {
    private static let labels = [[3], [4, 5], [6, 1, 2], [7]]

    private static func configuration(prefix: Int = 3, postfix: Int = 2, layers: Int = 3) -> TextTower.Configuration {
        TextTower.Configuration(
            width: 128, outputWidth: 20, layers: layers, context: 12, vocabulary: 11, prefix: prefix, postfix: postfix)
    }

    private func encoder(_ c: TextTower.Configuration, kernels: Kernels, threads: Int = 1) throws -> PromptEncoder {
        try PromptEncoder(
            from: TowerWeights(c, seed: 41), configuration: c, tokens: Self.labels, kernels: kernels, threads: threads)
    }

    private func prompt(_ c: TextTower.Configuration, in workspace: Workspace) throws -> MatrixView {
        let view = workspace.matrix(rows: c.context, columns: c.width)
        view.copy(
            from: try TowerWeights(c, seed: 41).floats(TextTower.Names.prompt, shape: [c.context, c.width])[...])
        return view
    }

    /// Tasks one after the other, the last first, as threads might take them.
    private func backwards(_ tasks: Int, _ body: @escaping (Int, Int) -> Void) {
        for task in (0..<tasks).reversed() { body(task, 0) }
    }

    @Test("features are those of the tower that scores", arguments: [(3, 2, 3), (0, 0, 1), (0, 3, 2), (4, 0, 2)])
    func features(prefix: Int, postfix: Int, layers: Int) throws {
        for kernels in Kernels.available {
            let c = Self.configuration(prefix: prefix, postfix: postfix, layers: layers)
            let workspace = Workspace()
            let found = try encoder(c, kernels: kernels).encode(prompt(c, in: workspace), parallel: backwards)
            let expected = try TextTower(
                from: TowerWeights(c, seed: 41), configuration: c, streaming: false, kernels: kernels
            ).features(of: Self.labels)
            #expect(found.rows == 4 && found.columns == 20)
            #expect(zip(found.values, expected.values).allSatisfy { abs($0 - $1) < 1e-4 })
        }
    }

    @Test("the prompt's gradient is the features' difference along any direction", arguments: [(3, 2, 3), (0, 2, 2)])
    func gradient(prefix: Int, postfix: Int, layers: Int) throws {
        for kernels in Kernels.available {
            let c = Self.configuration(prefix: prefix, postfix: postfix, layers: layers)
            let workspace = Workspace()
            let encoder = try encoder(c, kernels: kernels)
            let prompt = try prompt(c, in: workspace)
            var random = SeededRandom(seed: 42)
            let slopes = random.floats(4 * 20)
            func loss(_ features: Matrix) -> Double {
                zip(features.values, slopes).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            }
            _ = encoder.encode(prompt, parallel: backwards)
            let gradient = workspace.matrix(rows: c.context, columns: c.width)
            gradient.fill(0.5)
            encoder.backward(
                Matrix(rows: 4, columns: 20, values: slopes), to: gradient, parallel: backwards)
            for _ in 0..<4 {
                let direction = random.floats(c.context * c.width)
                func moved(_ step: Float) -> Double {
                    let at = workspace.matrix(rows: c.context, columns: c.width)
                    at.copy(from: zip(prompt.values(), direction).map { $0 + step * $1 }[...])
                    return loss(encoder.encode(at, parallel: backwards))
                }
                let expected = (moved(2e-3) - moved(-2e-3)) / 4e-3
                let found = zip(gradient.values(), direction).reduce(0.0) { $0 + Double($1.0 - 0.5) * Double($1.1) }
                #expect(abs(found - expected) < 0.01 * max(1, abs(expected)), "\(found) \(expected) \(kernels.name)")
            }
            // Position 0 and what lies behind the longest label's end token are no part of the features.
            let last = prefix + 1 + 3 + postfix
            let still = [0..<1] + [last..<c.context]
            #expect(still.allSatisfy { gradient.rows($0).values().allSatisfy { $0 == 0.5 } })
        }
    }

    @Test("features and gradient are the same bits for any number of threads and any order of their tasks")
    func threads() throws {
        let c = Self.configuration()
        var seen: [[Float]] = []
        for (threads, isReversed) in [(1, false), (2, true), (5, false)] {
            let workspace = Workspace()
            let encoder = try encoder(c, kernels: Kernels.available[0], threads: threads)
            let parallel: PromptEncoder.Parallel = { tasks, body in
                for task in 0..<tasks {
                    body(isReversed ? tasks - 1 - task : task, (isReversed ? task : 3 * task) % threads)
                }
            }
            let features = encoder.encode(try prompt(c, in: workspace), parallel: parallel)
            let gradient = workspace.matrix(rows: c.context, columns: c.width)
            encoder.backward(features, to: gradient, parallel: parallel)
            seen.append(features.values + gradient.values())
        }
        #expect(seen[1] == seen[0] && seen[2] == seen[0])
    }

    @Test("a label too long for the prompt, and a token that the tower has not, are refused")
    func refused() throws {
        let c = Self.configuration()
        let weights = TowerWeights(c, seed: 41)
        #expect(throws: TextTowerError.tooManyTokens(label: 1, tokens: 6, most: 5)) {
            try PromptEncoder(
                from: weights, configuration: c, tokens: [[1], [1, 1, 1, 1, 1, 1]], kernels: .portable, threads: 1)
        }
        #expect(throws: TextTowerError.unknownToken(label: 0, token: 11, vocabulary: 11)) {
            try PromptEncoder(from: weights, configuration: c, tokens: [[11]], kernels: .portable, threads: 1)
        }
    }
}
