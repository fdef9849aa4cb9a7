import Formats
import Foundation
import Platform
import Tensors
import TestSupport
import Testing

@testable import VadCLIP

/// A small model's file, with some of it changed.
private struct ChangedModel {
    let source: SafetensorsFile
    var metadata: [ByteText: String]
    var changes: [String: (shape: [Int], values: [Float])?] = [:]

    init() throws {
        source = try SafetensorsFile(
            file: MappedFile(path: Paths.root + "/Tests/VadCLIPTests/Fixtures/tiny.safetensors"))
        metadata = source.metadata
    }

    func load(_ kernels: Kernels = .available[0]) throws -> (Model, SelfTest) {
        let path = "\(Paths.scratch)/changed-\(UUID().uuidString).safetensors"
        let tensors = try source.tensors.compactMap { tensor -> SafetensorsWriter.Tensor? in
            if let change = changes[tensor.name] {
                guard let change else { return nil }
                return .init(name: tensor.name, shape: change.shape) { change.values }
            }
            let values = try source.floats(tensor.name)
            return .init(name: tensor.name, shape: tensor.shape) { values }
        }
        try SafetensorsWriter(metadata: metadata, tensors: tensors).write(to: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try ModelFile.load(MappedFile(path: path), kernels: kernels)
    }

    func values(_ name: String) throws -> [Float] { try source.floats(name) }
    func shape(_ name: String) -> [Int] { source[name]?.shape ?? [] }
}

@Suite("Model files")
struct ModelFileTests {
    @Test("a model that does not reproduce its self-test is refused with the difference")
    func changedWeight() throws {
        var changed = try ChangedModel()
        var weights = try changed.values("linear.weight")
        weights[100] += 1
        changed.changes["linear.weight"] = (changed.shape("linear.weight"), weights)
        let (model, selfTest) = try changed.load()
        let error = #expect(throws: ModelError.self) { try selfTest.run(on: model) }
        guard case .selfTestFailed(_, let difference, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(difference > SelfTest.tolerance)
    }

    @Test("large logits may differ by what float32 can't hold of them, and by no more", arguments: Kernels.available)
    func largeLogits(kernels: Kernels) throws {
        var changed = try ChangedModel()
        for name in ["classifier.weight", "classifier.bias", "self_test.coarse_logits"] {
            let values = try changed.values(name).map { $0 * 1024 }
            changed.changes[name] = (changed.shape(name), values)
        }
        let (model, selfTest) = try changed.load(kernels)
        try selfTest.run(on: model)
        var weights = try changed.values("linear.weight")
        weights[100] += 0.1
        changed.changes["linear.weight"] = (changed.shape("linear.weight"), weights)
        let (other, same) = try changed.load(kernels)
        #expect(throws: ModelError.self) { try same.run(on: other) }
    }

    @Test("a NaN among the weights fails the self-test")
    func notANumber() throws {
        var changed = try ChangedModel()
        var weights = try changed.values("classifier.weight")
        weights[0] = .nan
        changed.changes["classifier.weight"] = (changed.shape("classifier.weight"), weights)
        let (model, selfTest) = try changed.load()
        #expect(throws: ModelError.self) { try selfTest.run(on: model) }
    }

    @Test("a tensor that is missing or of another shape is named", arguments: ["gc3.residual.weight", "text_features"])
    func badTensor(name: String) throws {
        var missing = try ChangedModel()
        missing.changes[name] = .some(nil)
        #expect(throws: (any Error).self) { try missing.load() }
        var flat = try ChangedModel()
        let values = try flat.values(name)
        flat.changes[name] = ([values.count], values)
        let error = #expect(throws: ModelError.self) { try flat.load() }
        #expect(error?.description.contains(name) == true)
    }

    @Test(
        "settings out of range are named",
        arguments: [
            ("window", "0"), ("window", "-8"), ("window", "many"), ("window", "1000000000"), ("labels", "normal"),
            ("labels", "[]"), ("labels", #"["normal"]"#), ("labels", #"["a","a"]"#), ("labels", #"["", "b"]"#),
            ("labels", "[1,2]"), ("format_version", "99"), ("format", "other"), ("caveat", ""),
            ("caveat", "two\nlines"),
            ("caveat", String(repeating: "x", count: 301)),
        ])
    func badSetting(key: String, value: String) throws {
        var changed = try ChangedModel()
        changed.metadata[key] = value
        #expect(throws: ModelError.self) { try changed.load() }
    }

    @Test("labels that need a text tower are refused where none was kept")
    func noTower() throws {
        let (model, _) = try ChangedModel().load()
        #expect(throws: ModelError.noTextTower(model: "tiny-demo", caution: model.info.caution)) {
            try model.classes(for: ["normal", "fire"])
        }
        #expect(try model.classes(for: model.classes.labels).labels == model.classes.labels)
    }

    @Test("chunks cover a video without an empty one", arguments: [1, 31, 32, 33, 64, 100])
    func chunks(snippets: Int) {
        let chunks = Chunks(snippets: snippets, length: 32)
        #expect((0..<chunks.count).flatMap { Array(chunks[$0]) } == Array(0..<snippets))
        #expect((0..<chunks.count).allSatisfy { !chunks[$0].isEmpty })
    }
}

@Suite("Importing checkpoints", .enabled(if: Paths.hasGolden, "needs ../shared and numpy"))
struct ImportTests {
    private func run(_ options: ImportOptions) throws -> Model {
        let path = "\(Paths.scratch)/import-\(UUID().uuidString).safetensors"
        let importer = try ModelImporter(
            checkpoint: MappedFile(path: Golden.checkpoint("tiny")), options: options)
        _ = try importer.write(to: path)
        return try ModelFile.load(MappedFile(path: path), kernels: .available[0]).0
    }

    private static func vocabulary() throws -> String {
        let file = try MappedFile(path: #require(Paths.shared) + "/data/bpe_simple_vocab_16e6.txt.gz")
        return String(decoding: try Gzip.inflate(file, limit: 64 << 20), as: UTF8.self)
    }

    @Test("the published labels' built-in tokens are those of the vocabulary")
    func builtInTokens() throws {
        var options = ImportOptions()
        let built = try run(options)
        options.vocabulary = try Self.vocabulary()
        #expect(try run(options).classes.features == built.classes.features)
    }

    @Test("with the text tower kept, any labels can be scored, and equal those of an import with them")
    func keptTower() throws {
        var options = ImportOptions()
        options.vocabulary = try Self.vocabulary()
        options.labels = ["normal", "a burning house", "riot"]
        options.window = 8
        let fixed = try run(options)
        options.labels = nil
        options.keepTextTower = true
        let open = try run(options)
        let classes = try open.classes(for: ["normal", "a burning house", "riot"])
        #expect(classes.features == fixed.classes.features)
        let long = String(repeating: "smoke and fire ", count: 30)
        let error = #expect(throws: ModelError.self) { try open.check(labels: ["normal", long]) }
        #expect(error?.description.contains("90 tokens long: expected at most 55") == true)
    }

    @Test("labels that differ in bytes differ, and come back as they were asked for")
    func labelsAreBytes() throws {
        var options = ImportOptions()
        options.vocabulary = try Self.vocabulary()
        options.keepTextTower = true
        let open = try run(options)
        for labels in [["normal", "caf\u{E9}"], ["normal", "cafe\u{301}"], ["\u{E9}", "e\u{301}"]] {
            let classes = try open.classes(for: labels)
            #expect(classes.labels.map { Array($0.utf8) } == labels.map { Array($0.utf8) })
        }
    }

    @Test("labels that no preset has need the vocabulary")
    func unknownLabel() throws {
        var options = ImportOptions()
        options.labels = ["normal", "burning house"]
        let error = #expect(throws: ModelError.self) { try run(options) }
        #expect(error?.description.contains("'burning house'") == true)
        #expect(error?.description.contains("--vocab") == true)
    }
}
