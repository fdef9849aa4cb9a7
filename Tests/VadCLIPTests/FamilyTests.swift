import CLIP
import Formats
import Foundation
import Platform
import Tensors
import TestSupport
import Testing

@testable import VadCLIP

@Suite("Families of models")
struct FamilyTests {
    private static let positions = "frame_position_embeddings.weight"
    private static let adapter = "clip_adapter.text_adapter.0.fc.0.weight"

    @Test(
        "a checkpoint's family is known by its tensors' names, whatever is before them",
        arguments: [
            ([positions, "text_prompt_embeddings.weight"], "vadclip"), ([positions, adapter], "dsanet"),
            ([positions, "text_prompt_embeddings.weight", "fe_net.conv.0.conv.0.weight"], "avadclip"),
            (["module." + positions, "module." + adapter], "dsanet"), ([adapter], nil), (["x" + positions], nil),
        ] as [([String], String?)])
    func recognised(names: [String], family: String?) {
        #expect(ModelFamily.recognised(in: names)?.name == family)
    }

    @Test("names, presets and marks are no two families', and each preset has its family's settings")
    func distinct() throws {
        #expect(Set(ModelFamily.all.map(\.name)).count == ModelFamily.all.count)
        #expect(Set(Preset.all.map(\.name)).count == Preset.all.count)
        for preset in Preset.all {
            #expect(preset.counts.count == preset.family.recognition.parts.count)
            #expect(preset.tokens.count == preset.labels.count)
            #expect(try preset.kind.settings == preset.settings)
            #expect(Preset.named(preset.name) == preset && preset.family.preset(counts: preset.counts) == preset)
        }
    }

    @Test(
        "a tensor that a checkpoint has under two names is there once, and under either alone",
        arguments: [["clipmodel.a", "clip_adapter.clipmodel.a"], ["clip_adapter.clipmodel.a"], ["clipmodel.a"]])
    func secondNames(names: [String]) throws {
        let weights = try PlainWeights(
            ListedNames(names: ["net." + Self.positions] + names.map { "net." + $0 }), asked: nil)
        #expect(weights.names == [Self.positions, "clipmodel.a"])
        #expect(weights.shape(of: "clipmodel.a") == [names.contains("clipmodel.a") ? 15 : 28])
    }

    @Test("CLIP is found in a checkpoint that has it under two names")
    func clip() throws {
        let names = ["clipmodel.token_embedding.weight", "clip_adapter.clipmodel.token_embedding.weight"]
        let weights = try PlainWeights(ListedNames(names: names), asked: nil, mark: "token_embedding.weight")
        #expect(weights.prefix == "clipmodel" && weights.others == [])
    }

    @Test("refined scores: the coarse branch says how abnormal, the fine one which class")
    func refined() {
        let logits = Logits(snippets: 2, classes: 3, coarse: [5, -1], fine: [9, 2, 4, 0, 0, 10])
        let scores = RefinedReadout(temperature: 2).preciseFine(logits)
        let (first, second) = (1 / (1 + exp(-2.5)), 1 / (1 + exp(0.5)))
        let expected = [
            1 - first, first / (1 + exp(1)), first / (1 + exp(-1)), 1 - second, second / (1 + exp(5)),
            second / (1 + exp(-5)),
        ]
        for (one, other) in zip(scores, expected) { #expect(abs(one - other) < 1e-12) }
        for (one, other) in zip(RefinedReadout(temperature: 2).fine(logits), expected) {
            #expect(abs(one - Float(other)) < 1e-6)
        }
    }

    @Test("scores of any logits are numbers from 0 to 1 that sum to 1 in a row", arguments: ModelFamily.all.map(\.name))
    func sums(family: String) throws {
        let family = try #require(ModelFamily.named(family))
        for preset in family.presets {
            let logits = Logits(
                snippets: 5, classes: 3, coarse: [0, 1e4, -1e4, 40, -40],
                fine: [1e4, -1e4, 0, 14, -14, -14, 0, 0, 0, 14, 14, 14, -14, 30, -30])
            let fine = try preset.kind.readout.fine(logits)
            #expect(fine.allSatisfy { (0...1).contains($0) })
            for row in 0..<5 { #expect(abs(fine[row * 3..<row * 3 + 3].reduce(0, +) - 1) < 1e-5) }
        }
    }

    @Test("the paper's headline is the coarse score, but for VadCLIP's on XD-Violence")
    func headlines() throws {
        func headline(_ preset: Preset, _ benchmark: String) throws -> Headline {
            try preset.kind.readout.headline(on: benchmark)
        }
        #expect(try headline(.ucfCrime, "ucf-crime") == .coarse && headline(.xdViolence, "xd-violence") == .fine)
        #expect(try headline(.dsaNetUCFCrime, "ucf-crime") == .coarse)
        #expect(try headline(.dsaNetXDViolence, "xd-violence") == .coarse)
    }

    @Test("adapted text features are those of the plain formula", arguments: Kernels.available)
    func adapters(kernels: Kernels) throws {
        var random = SeededRandom(seed: 11)
        let d = 8
        let weights = AdapterWeights(matrices: (0..<2).map { _ in random.floats(d * d, scale: 1) })
        let style = try TextAdapters(from: weights, width: d, blend: 0.25, kernels: kernels)
        let workspace = Workspace()
        let (x, scratch) = (workspace.matrix(rows: 3, columns: d), workspace.matrix(rows: 3, columns: d))
        let start = random.floats(3 * d, scale: 2)
        func leaky(_ row: [Float], _ index: Int) -> [Float] {
            (0..<d).map { output in
                let sum = (0..<d).reduce(Float(0)) { $0 + weights.matrices[index][output * d + $1] * row[$1] }
                return sum > 0 ? sum : 0.01 * sum
            }
        }
        func length(_ row: [Float]) -> Float { row.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        let rows = (0..<3).map { Array(start[$0 * d..<($0 + 1) * d]) }
        x.copy(from: start[...])
        style.adapt(x, behind: 0, scratch: scratch, kernels: kernels)
        let adapted = rows.flatMap { row in
            let a = leaky(row, 0)
            return zip(a, row).map { 0.25 * $0 * length(row) / (length(a) + 1e-6) + 0.75 * $1 }
        }
        expectClose(x.values(), adapted, within: 1e-5, "behind a block with an adapter")
        style.adapt(x, behind: 1, scratch: scratch, kernels: kernels)
        expectClose(x.values(), adapted, within: 1e-5, "behind a block without one")
        x.copy(from: start[...])
        style.finish(x, into: scratch, kernels: kernels)
        let ends = rows.flatMap { row in leaky(row, 1).map { $0 / length(leaky(row, 1)) } }
        expectClose(scratch.values(), ends, within: 1e-5, "at the end")
    }
}

/// Weights that have names and nothing else; a shape tells the name's length.
private struct ListedNames: NamedWeights {
    let names: [String]

    func shape(of name: String) -> [Int]? { [name.utf8.count] }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] { [0] }
}

/// Text adapters and nothing else.
private struct AdapterWeights: WeightSource {
    let matrices: [[Float]]

    private func index(_ name: String) -> Int? { matrices.indices.first { TextAdapters.name($0) == name } }

    func shape(of name: String) -> [Int]? { index(name).map { _ in [8, 8] } }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        guard let index = index(name) else { throw WeightError(name: name, problem: "is missing") }
        return matrices[index]
    }
}
