import Formats
import Foundation
import Platform
import Tensors
import TestSupport
import Testing

@testable import VadCLIP

@Suite("Importing DSANet", .serialized, .enabled(if: Paths.hasGolden, "needs ../shared and numpy"))
struct DSANetImportTests {
    private func write(
        _ checkpoint: String, _ name: String = "dsanet", _ change: (inout ImportOptions) throws -> Void = { _ in }
    ) throws -> (path: String, summary: ImportSummary) {
        let path = "\(Paths.scratch)/import-\(name).safetensors"
        var options = ImportOptions()
        try change(&options)
        return (path, try ModelImporter(checkpoint: MappedFile(path: checkpoint), options: options).write(to: path))
    }

    private func load(_ path: String) throws -> Model {
        let (model, selfTest) = try ModelFile.load(MappedFile(path: path), kernels: .available[0])
        #expect(try selfTest.run(on: model) < 1e-4)
        return model
    }

    private func refusal(_ checkpoint: String, _ change: (inout ImportOptions) throws -> Void = { _ in }) -> String {
        failure(of: ModelError.self) { _ = try write(checkpoint, "refused", change) }?.description ?? "none"
    }

    @Test("a checkpoint nested as training nests it, and another seed, import as the plain one does")
    func nested() throws {
        let preset: (inout ImportOptions) -> Void = { $0.preset = .dsaNetUCFCrime }
        let plain = try load(write(Golden.checkpoint("dsanet-tiny"), "plain", preset).path)
        let nested = try Golden.checkpoint("dsanet-tiny", extra: ["--state-key", "model_state_dict"])
        #expect(try load(write(nested, "nested", preset).path).classes.features == plain.classes.features)
        let other = try load(write(Golden.checkpoint("dsanet-tiny", seed: 2), "other", preset).path)
        #expect(other.classes.features != plain.classes.features)
        #expect(plain.info.name == "dsanet-ucf-crime" && plain.classes.labels[8] == "roadaccidents")
        #expect(plain.configuration.kind.settings == ["adapter_blend": 0.1, "temperature": 5])
    }

    @Test(
        "a state dict as safetensors has CLIP under one of its names, and imports as the .pth",
        arguments: [true, false])
    func safetensors(firstNames: Bool) throws {
        let path = try Golden.checkpoint("dsanet-tiny")
        let torch = try TorchCheckpoint(file: MappedFile(path: path))
        let names = torch.names.filter { !$0.hasPrefix(firstNames ? "clip_adapter.clipmodel." : "clipmodel.") }
        #expect(names.count < torch.names.count)
        let state = "\(Paths.scratch)/dsanet-state.safetensors"
        try SafetensorsWriter(
            tensors: names.compactMap { name in
                torch.tensor(named: name).map { tensor in
                    .init(name: name, shape: tensor.shape) { try torch.floats(name) }
                }
            }
        ).write(to: state)
        let (one, other) = (
            try load(write(path, "torch") { $0.preset = .dsaNetUCFCrime }.path),
            try load(write(state, "state") { $0.preset = .dsaNetUCFCrime }.path)
        )
        #expect(one.classes.features == other.classes.features)
    }

    @Test("labels other than its own are encoded by its adapters, which are kept with the text tower")
    func keptTower() throws {
        let shared = try #require(Paths.shared)
        let vocabulary = try String(
            decoding: Gzip.inflate(
                MappedFile(path: shared + "/data/bpe_simple_vocab_16e6.txt.gz"), limit: 64 << 20), as: UTF8.self)
        let path = try write(Golden.checkpoint("dsanet-tiny"), "tower") { options in
            options.preset = .dsaNetUCFCrime
            options.keepTextTower = true
            options.vocabulary = vocabulary
        }.path
        let names = try SafetensorsFile(file: MappedFile(path: path)).names
        #expect(names.filter { $0.hasPrefix("clip_adapter.") }.count == 2)
        #expect(!names.contains("clipmodel.text_projection") && !names.contains { $0.hasPrefix("video_anomaly") })
        let model = try load(path)
        let classes = try model.classes(for: ["normal", "fighting", "RoadAccidents"])
        for (row, own) in [(0, 0), (1, 7), (2, 8)] {
            let width = model.configuration.width
            expectClose(
                Array(classes.features.values[row * width..<(row + 1) * width]),
                Array(model.classes.features.values[own * width..<(own + 1) * width]), within: 1e-5,
                classes.labels[row])
        }
    }

    @Test("where layers and adapters are no published model's, a preset is asked for by name")
    func needsPreset() throws {
        let text = refusal(try Golden.checkpoint("dsanet-tiny"))
        for part in [
            "2 layer(s) and 1 text adapter(s)", "2 layer(s) and 3 text adapter(s) (dsanet-ucf-crime)",
            "1 layer(s) and 1 text adapter(s) (dsanet-xd-violence)", "--preset",
        ] { #expect(text.contains(part), "\(text)") }
        let labels = refusal(try Golden.checkpoint("dsanet-tiny")) { options in
            options.labels = ["normal", "fighting"]
            options.window = 8
        }
        #expect(labels.contains("--preset"), "\(labels)")
    }

    @Test("a preset of another family than the checkpoint's is refused")
    func otherFamily() throws {
        let one = refusal(try Golden.checkpoint("dsanet-tiny")) { $0.preset = .ucfCrime }
        #expect(one.contains("preset ucf-crime is VadCLIP's") && one.contains("is a checkpoint of DSANet"), "\(one)")
        #expect(one.contains("expected dsanet-ucf-crime or dsanet-xd-violence"), "\(one)")
        let other = refusal(try Golden.checkpoint("tiny")) { $0.preset = .dsaNetUCFCrime }
        #expect(other.contains("preset dsanet-ucf-crime is DSANet's") && other.contains("of VadCLIP"), "\(other)")
        #expect(other.contains("expected ucf-crime or xd-violence"), "\(other)")
    }

    @Test("a preset that has other parts than the checkpoint is taken, and said to")
    func unlikePreset() throws {
        let summary = try write(Golden.checkpoint("dsanet-tiny")) { $0.preset = .dsaNetUCFCrime }.summary
        #expect(summary.configuration.kind.family == .dsaNet)
        let note = try #require(summary.notes.first)
        #expect(note.contains("has 2 layer(s) and 3 text adapter(s), and the checkpoint has 2 and 1"), "\(note)")
    }

    @Test("what is of no part of the model is said to be passed over; what only its training needs is not")
    func strangers() throws {
        let plain = try write(Golden.checkpoint("dsanet-tiny")) { $0.preset = .dsaNetUCFCrime }.summary
        #expect(!plain.notes.contains { $0.contains("no part of") })
        let source = try TorchCheckpoint(file: MappedFile(path: Golden.checkpoint("tiny")))
        let state = "\(Paths.scratch)/hearing-state.safetensors"
        let added = ["temporalgatedresidual.gate_proj.0.weight", "temporalgatedresidual.gate_proj.0.bias"]
        try SafetensorsWriter(
            tensors: source.names.compactMap { name in
                source.tensor(named: name).map { tensor in
                    .init(name: name, shape: tensor.shape) { try source.floats(name) }
                }
            } + added.map { .init(name: $0, shape: [1]) { [1] } }
        ).write(to: state)
        let notes = try write(state).summary.notes
        #expect(notes.contains { $0.contains("'\(added[0])' and 1 more are of no part of VadCLIP") }, "\(notes)")
    }

    @Test("its weights are refused as the beginning of a training, by what tells them")
    func training() throws {
        let source = try CheckpointSource(file: MappedFile(path: Golden.checkpoint("dsanet-tiny")))
        let error = failure(of: ModelError.self) { try source.checkIsVadCLIP() }
        let text = error?.description ?? ""
        #expect(text.contains("DSANet") && text.contains("clip_adapter.text_adapter.0.fc.0.weight"), "\(text)")
        try CheckpointSource(file: MappedFile(path: Golden.checkpoint("tiny"))).checkIsVadCLIP()
        let clip = try CheckpointSource(clip: MappedFile(path: Golden.checkpoint("dsanet-tiny")))
        #expect(clip.shape(of: "clipmodel.text_projection") == [64, 64])
    }

    @Test("a model file whose family or settings this build can't take is refused by their names")
    func damagedKind() throws {
        let path = try write(Golden.checkpoint("dsanet-tiny"), "damaged") { $0.preset = .dsaNetUCFCrime }.path
        let source = try SafetensorsFile(file: MappedFile(path: path))
        #expect(source.metadata["format_version"] == "2" && source.metadata["family"] == "dsanet")
        for (key, value, told) in [
            ("family", "newnet", "vadclip"), ("temperature", nil, "temperature"), ("temperature", "nan", "temperature"),
            ("temperature", "0", "temperature"), ("adapter_blend", "1.5", "adapter_blend"),
            ("adapter_blend", "much", "adapter_blend"), ("format_version", "3", "1 and 2"),
        ] as [(String, String?, String)] {
            var metadata = source.metadata
            metadata[ByteText(key)] = value
            let changed = "\(Paths.scratch)/changed-kind.safetensors"
            try SafetensorsWriter(
                metadata: metadata,
                tensors: source.tensors.map { tensor in
                    .init(name: tensor.name, shape: tensor.shape) { try source.floats(tensor.name) }
                }
            ).write(to: changed)
            let error = failure(of: ModelError.self) {
                _ = try ModelFile.load(MappedFile(path: changed), kernels: .portable)
            }
            #expect(error?.description.contains(told) == true, "\(key) \(value ?? "nil"): \(error?.description ?? "")")
        }
    }
}
