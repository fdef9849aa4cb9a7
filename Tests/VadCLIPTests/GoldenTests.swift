import Formats
import Foundation
import Platform
import Tensors
import TestSupport
import Testing

@testable import VadCLIP

/// Logits of both branches, and text features, against those of the published implementation.
@Suite("Parity with the published implementation", .serialized)
struct GoldenTests {
    /// One video's features and the logits it must have.
    struct Case {
        let rows: Int
        let features: Matrix
        let coarse: [Float]
        let fine: [Float]
        /// Refined scores, of DSANet alone.
        let refined: [Float]?
    }

    @Test(
        "the tiny model reproduces the published logits with every instruction set of this processor",
        arguments: Kernels.available.map(\.name))
    func tinyModel(kernels: String) throws {
        let arrays = try Golden.arrays(Paths.root + "/Tests/VadCLIPTests/Fixtures/golden_tiny.npz") { _ in true }
        let file = try MappedFile(path: Paths.root + "/Tests/VadCLIPTests/Fixtures/tiny.safetensors")
        let (model, selfTest) = try ModelFile.load(file, kernels: try .named(kernels))
        #expect(!model.info.trained)
        #expect(try selfTest.run(on: model) < 1e-4)
        let text = try #require(arrays["text_features"])
        expectClose(model.classes.features.values, text.values, within: 1e-4, relative: true, "text features")
        for one in Self.cases(arrays, width: 64, features: { arrays["T\($0)_features"]?.values }) {
            expect(model, gives: one)
        }
    }

    @Test(
        "an imported checkpoint gives the published logits", .enabled(if: Paths.hasGolden, "needs ../shared and numpy"),
        arguments: [("tiny", 64), ("ucf", 512), ("xd", 512)])
    func importedModel(config: String, width: Int) throws {
        let shared = try #require(Paths.shared)
        let model = try importModel(try Golden.checkpoint(config), name: config)
        let arrays = try Golden.arrays("\(shared)/golden/expected/\(config).npz") { !$0.hasPrefix("labels") }
        let text = try #require(arrays["text_features"])
        expectClose(model.classes.features.values, text.values, within: 1e-4, relative: true, "text features")
        let cases = try Self.cases(arrays, width: width)
        #expect(cases.count >= 10)
        for one in cases { expect(model, gives: one) }
    }

    @Test(
        "an imported checkpoint of DSANet gives the published logits and refined scores",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"),
        arguments: [
            ("tiny", 64, "dsanet-ucf-crime"), ("ucf", 512, "dsanet-ucf-crime"), ("xd", 512, "dsanet-xd-violence"),
        ])
    func importedDSANet(config: String, width: Int, preset: String) throws {
        let shared = try #require(Paths.shared)
        let model = try importModel(
            try Golden.checkpoint("dsanet-\(config)"), name: "dsanet-\(config)"
        ) { $0.preset = config == "tiny" ? .dsaNetUCFCrime : nil }
        #expect(model.info.name == preset && model.configuration.kind.family == .dsaNet)
        let arrays = try Golden.arrays("\(shared)/golden/expected/dsanet_\(config).npz") { !$0.hasPrefix("labels") }
        let text = try #require(arrays["text_features"])
        expectClose(model.classes.features.values, text.values, within: 1e-5, "text features")
        let cases = try Self.cases(arrays, width: width)
        #expect(cases.count >= 10 && cases.allSatisfy { $0.refined != nil })
        for one in cases { expect(model, gives: one) }
    }

    @Test(
        "an imported checkpoint of AVadCLIP gives the logits of its reading copy",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"), arguments: [("tiny", 64), ("xd", 512)])
    func importedAVadCLIP(config: String, width: Int) throws {
        let fixtures = Paths.root + "/Tests/VadCLIPTests/Fixtures"
        let checkpoint = try Golden.checkpoint(config, by: fixtures + "/avadclip_reference.py")
        let model = try importModel(checkpoint, name: "avadclip-\(config)") { options in
            guard config == "tiny" else { return }
            (options.labels, options.window) = (Preset.ucfCrime.labels, 8)
        }
        #expect(model.configuration.kind.family == .avadCLIP)
        #expect(model.info.name == (config == "tiny" ? "avadclip" : "avadclip-xd-violence"))
        let arrays = try Golden.arrays("\(fixtures)/golden_avadclip_\(config).npz") { _ in true }
        let text = try #require(arrays["text_features"])
        expectClose(model.classes.features.values, text.values, within: 1e-4, relative: true, "text features")
        let cases = try Self.cases(arrays, width: width)
        #expect(cases.count >= 10)
        for one in cases { expect(model, gives: one) }
    }

    @Test(
        "a checkpoint nested as training nests it imports the same model",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"))
    func nestedCheckpoint() throws {
        let plain = try importModel(try Golden.checkpoint("tiny", seed: 3), name: "plain")
        let nested = try importModel(
            try Golden.checkpoint("tiny", seed: 3, extra: ["--state-key", "model_state_dict"]), name: "nested")
        #expect(plain.classes.features == nested.classes.features)
        let features = try Golden.features(50, width: 64, seed: 9).values
        let matrix = Matrix(rows: 50, columns: 64, values: features)
        #expect(Scorer(model: plain).logits(of: matrix) == Scorer(model: nested).logits(of: matrix))
    }

    private func importModel(
        _ checkpoint: String, name: String, with change: (inout ImportOptions) -> Void = { _ in }
    ) throws -> Model {
        let output = "\(Paths.scratch)/\(name).safetensors"
        var options = ImportOptions()
        change(&options)
        options.prepared = .available[0]
        _ = try ModelImporter(checkpoint: MappedFile(path: checkpoint), options: options).write(to: output)
        let (model, selfTest) = try ModelFile.load(try MappedFile(path: output), kernels: Kernels.available[0])
        try selfTest.run(on: model)
        return model
    }

    private func expect(_ model: Model, gives one: Case) {
        let logits = Scorer(model: model).logits(of: one.features)
        expectClose(logits.coarse, one.coarse, within: 1e-4, "T \(one.rows), coarse")
        expectClose(logits.fine, one.fine, within: 1e-4, "T \(one.rows), fine")
        guard let refined = one.refined else { return }
        let scores = Scores(logits, labels: model.classes.labels, readout: model.configuration.kind.readout)
        expectClose(scores.fine, refined, within: 1e-5, "T \(one.rows), refined scores")
    }

    /// Of how many snippets there are outputs.
    private static func rows(_ arrays: [String: DecodedArray]) -> [Int] {
        arrays.keys.filter { $0.hasSuffix("_logits_coarse") }
            .compactMap { Int($0.dropFirst().split(separator: "_")[0]) }
    }

    /// With the features that the outputs were made for.
    private static func cases(_ arrays: [String: DecodedArray], width: Int) throws -> [Case] {
        let sets = rows(arrays).map { (rows: $0, seed: 100 + $0) }
        let made = Dictionary(
            uniqueKeysWithValues: zip(sets.map(\.rows), try Golden.features(sets, width: width).map(\.values)))
        return cases(arrays, width: width) { made[$0] }
    }

    private static func cases(
        _ arrays: [String: DecodedArray], width: Int, features: (Int) -> [Float]?
    ) -> [Case] {
        rows(arrays).compactMap { rows in
            guard let values = features(rows), let coarse = arrays["T\(rows)_logits_coarse"]?.values,
                let fine = arrays["T\(rows)_logits_fine"]?.values
            else { return nil }
            return Case(
                rows: rows, features: Matrix(rows: rows, columns: width, values: values), coarse: coarse, fine: fine,
                refined: arrays["T\(rows)_refined"]?.values)
        }
    }
}

/// Expects two lists to agree, absolutely or relative to the largest magnitude.
func expectClose(
    _ found: [Float], _ expected: [Float], within tolerance: Float, relative: Bool = false, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let scale = relative ? max(expected.map(abs).max() ?? 1, 1e-6) : 1
    let worst = largestDifference(found, expected) / scale
    #expect(worst <= tolerance, "\(what): differs by \(worst)", sourceLocation: sourceLocation)
}

/// Infinite where the counts differ or a value is not a number, which no comparison would find.
func largestDifference(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).reduce(0) { worst, pair in
        let difference = abs(pair.0 - pair.1)
        return difference.isNaN ? .infinity : max(worst, difference)
    }
}
