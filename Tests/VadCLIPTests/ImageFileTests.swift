import Foundation
import Platform
import Tensors
import TestSupport
import Testing

@testable import CLIP
@testable import Formats
@testable import VadCLIP

/// What model files keep of CLIP's image tower, and when it is read.
@Suite(
    "The image tower in a model file", .serialized, .enabled(if: Paths.hasGolden, "needs ../shared and numpy"))
struct ImageFileTests {
    private static let clipFiles = Paths.root + "/Tests/VadCLIPTests/Fixtures/clip_files.py"

    private func importTiny(_ change: (inout ImportOptions) -> Void = { _ in }) throws -> String {
        var options = ImportOptions()
        options.preset = Preset.named("ucf-crime")
        change(&options)
        let path = "\(Paths.scratch)/image-\(UUID().uuidString).safetensors"
        _ = try ModelImporter(checkpoint: MappedFile(path: Golden.checkpoint("tiny")), options: options).write(to: path)
        return path
    }

    private func load(_ path: String, _ kernels: Kernels = .available[0]) throws -> (Model, SelfTest) {
        try ModelFile.load(MappedFile(path: path), kernels: kernels)
    }

    private func feature(_ tower: ImageTower) -> [Float] {
        tower.encode([ImageSelfTest.image(side: tower.resolution)], with: ImageScratch(for: tower, images: 1)).values
    }

    @Test("it is kept on request, and gives the same bits prepared and not, as the checkpoint's own")
    func kept() throws {
        for kernels in Kernels.available {
            let source = try ImageSource(file: MappedFile(path: Golden.checkpoint("tiny")))
            let own = try ImageTower(
                from: source, configuration: source.configuration, in: Preparation(kernels: kernels))
            for prepared in [nil, kernels] {
                let path = try importTiny {
                    $0.keepImageTower = true
                    $0.prepared = prepared
                }
                let (model, test) = try load(path, kernels)
                try test.run(on: model)
                let kept = try #require(model.imageTower)
                #expect(kept.configuration == source.configuration)
                #expect(feature(try kept.tower()) == feature(own), "\(kernels.name)")
                let tensors = try SafetensorsFile(file: MappedFile(path: path))
                let section = PreparedSection(in: tensors, image: kept.configuration, kernels: kernels)
                #expect((section != nil) == (prepared != nil))
                for (name, floats) in try blocks(kept.configuration, source, kernels) where prepared != nil {
                    #expect(section?.block(name, count: floats) != nil, "\(name)")
                }
            }
        }
        #expect(try load(importTiny()).0.imageTower == nil)
    }

    private func blocks(
        _ configuration: ImageTower.Configuration, _ source: ImageSource, _ kernels: Kernels
    ) throws -> [(String, Int)] {
        let preparation = Preparation(kernels: kernels)
        _ = try ImageTower(from: source, configuration: configuration, in: preparation)
        return preparation.blocks.map { ($0.name, $0.floats.count) }
    }

    @Test("a file without it has what it had: all else of a file with it is the same bytes under the same names")
    func nothingElse() throws {
        let without = try SafetensorsFile(file: MappedFile(path: importTiny { $0.prepared = .portable }))
        let with = try SafetensorsFile(
            file: MappedFile(
                path: importTiny {
                    $0.prepared = .portable
                    $0.keepImageTower = true
                }))
        let added = ["clipmodel.visual.", "prepared/clipmodel.visual.", "self_test.image_features"]
        #expect(with.names.filter { name in !added.contains { name.hasPrefix($0) } } == without.names)
        #expect(without.names.allSatisfy { !$0.contains("visual") && !$0.contains("image") })
        for tensor in without.tensors {
            let other = try #require(with[tensor.name])
            #expect(without.withBytes(of: tensor) { Array($0) } == with.withBytes(of: other) { Array($0) })
        }
        let keys = Set(with.metadata.keys).subtracting(without.metadata.keys).map(\.text).sorted()
        #expect(
            keys == [
                "image_compute.bfloat16", "image_compute.int8", "image_prepared_from", "image_sha256",
                "image_source_sha256",
            ])
        #expect(without.metadata.allSatisfy { with.metadata[$0.key] == $0.value })
    }

    @Test("every precision of the weights keeps it, and passes its self-test with all kernels")
    func precisions() throws {
        var sizes: [Int] = []
        for precision in WeightPrecision.allCases {
            let path = try importTiny {
                $0.keepImageTower = true
                $0.precision = precision
            }
            for kernels in Kernels.available { _ = try load(path, kernels).0.imageTower?.tower() }
            sizes.append(try MappedFile(path: path).count)
        }
        #expect(sizes[1] < sizes[0] && sizes[2] < sizes[0] && sizes[3] < min(sizes[1], sizes[2]))
    }

    @Test("a model is loaded and scores without a look at its image tower, whose faults are found when it is asked for")
    func lazy() throws {
        for prepared in [nil, Kernels.available[0]] {
            let path = try importTiny {
                $0.keepImageTower = true
                $0.prepared = prepared
            }
            let bad = try overwritten(path, tensor: ImageTower.Names.projection, with: 0xFF)
            let (model, test) = try load(bad)
            try test.run(on: model)
            let kept = try #require(model.imageTower)
            let error = failure(of: ModelError.self) { _ = try kept.tower() }
            #expect(
                error?.description.contains("the image tower's self-test failed") == true,
                "\(String(describing: error))")
        }
    }

    @Test("a file whose tensors don't make a tower is refused when it is opened")
    func refused() throws {
        let path = try importTiny { $0.keepImageTower = true }
        let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        for name in ["clipmodel.visual.ln_post.bias", "self_test.image_features"] {
            // A name of the same length, so that the file is sound otherwise.
            let other = name.replacingOccurrences(of: "i", with: "x")
            let text = String(decoding: whole, as: Unicode.ASCII.self)
            let at = try #require(text.range(of: "\"\(name)\"")?.lowerBound.utf16Offset(in: text))
            var bytes = whole
            bytes.replaceSubrange(at + 1..<at + 1 + name.utf8.count, with: other.utf8)
            let changed = "\(Paths.scratch)/image-\(UUID().uuidString).safetensors"
            try Data(bytes).write(to: URL(fileURLWithPath: changed))
            let error = failure(of: ModelError.self) { _ = try load(changed) }
            #expect(error?.description.contains("'\(name)' is missing") == true, "\(String(describing: error))")
        }
    }

    @Test(
        "a file that does not say the tower's SHA-256 is refused",
        arguments: ["", "x", String(repeating: "g", count: 64)])
    func refusesDigest(digest: String) throws {
        let file = try SafetensorsFile(file: MappedFile(path: importTiny { $0.keepImageTower = true }))
        var metadata = file.metadata
        metadata[ByteText("image_sha256")] = digest.isEmpty ? nil : digest
        let path = "\(Paths.scratch)/image-\(UUID().uuidString).safetensors"
        try SafetensorsWriter(
            metadata: metadata,
            tensors: file.tensors.map { tensor in
                .init(name: tensor.name, elementType: tensor.elementType, shape: tensor.shape) { sink in
                    try file.withBytes(of: tensor) { try sink($0) }
                }
            }
        ).write(to: path)
        let error = failure(of: ModelError.self) { _ = try load(path) }
        #expect(error?.description.contains("image_sha256") == true, "\(String(describing: error))")
    }

    @Test("only what is CLIP's in every tensor is a tower alone: a model that lacks a tensor is not")
    func notAlone() throws {
        let source = try CheckpointSource(file: MappedFile(path: Golden.checkpoint("tiny")))
        func written(_ isKept: (String) -> Bool) throws -> MappedFile {
            let path = "\(Paths.scratch)/image-\(UUID().uuidString).safetensors"
            try SafetensorsWriter(
                tensors: source.names.filter(isKept).map { name in
                    let shape = source.shape(of: name) ?? []
                    return .init(name: name, shape: shape) { try source.floats(name, shape: shape) }
                }
            ).write(to: path)
            return try MappedFile(path: path)
        }
        #expect(try !ImageImporter.isOfCLIPAlone(written { $0 != "frame_position_embeddings.weight" }))
        #expect(try ImageImporter.isOfCLIPAlone(written { $0.hasPrefix("clipmodel.") }))
    }

    /// A copy of a file in which every byte of a tensor is another.
    private func overwritten(_ path: String, tensor name: String, with byte: UInt8) throws -> String {
        let file = try SafetensorsFile(file: MappedFile(path: path))
        let range = try #require(file[name]).byteRange
        var bytes = file.file.withUnsafeBytes { Array($0) }
        for index in range { bytes[index] = byte }
        let changed = "\(Paths.scratch)/image-\(UUID().uuidString).safetensors"
        try Data(bytes).write(to: URL(fileURLWithPath: changed))
        return changed
    }

    @Test(
        "OpenAI's TorchScript archive and Hugging Face's files give the same tower by their names",
        arguments: [
            "tiny-script", "tiny-bin", "tiny-safetensors",
        ])
    func sources(config: String) throws {
        let published = try ImageSource(file: MappedFile(path: Golden.checkpoint("tiny")))
        let other = try ImageSource(file: MappedFile(path: Golden.checkpoint(config, by: Self.clipFiles)))
        #expect(other.configuration == published.configuration)
        for (name, shape) in published.configuration.tensors {
            let values = try published.floats(name, shape: shape)
            let expected =
                config == "tiny-script"
                ? try WeightPrecision.float16.rounded(values, rows: shape[0], name: name) : values
            #expect(try other.floats(name, shape: shape) == expected, "\(name)")
        }
    }

    @Test("another file's tower can be kept with a model, and a tower alone makes a file that scores nothing")
    func otherFiles() throws {
        let script = try Golden.checkpoint("tiny-script", by: Self.clipFiles)
        #expect(try ImageImporter.isOfCLIPAlone(MappedFile(path: script)))
        #expect(try !ImageImporter.isOfCLIPAlone(MappedFile(path: Golden.checkpoint("tiny"))))
        let path = try importTiny {
            $0.imageTower = try? MappedFile(path: script)
            $0.precision = .float16
        }
        let inModel = try #require(try load(path).0.imageTower)

        let alone = "\(Paths.scratch)/image-\(UUID().uuidString).safetensors"
        try ImageImporter(file: MappedFile(path: script), precision: .float16, prepared: [.available[0]]).write(
            to: alone)
        let tower = try KeptImageTower.open(MappedFile(path: alone), kernels: .available[0])
        #expect(tower.sha256 == inModel.sha256 && tower.sha256.utf8.count == 64)
        #expect(tower.sourceSHA256 == inModel.sourceSHA256)
        #expect(feature(try tower.tower()) == feature(try inModel.tower()))
        let error = failure(of: ModelError.self) { _ = try load(alone) }
        #expect(error?.description.contains("holds CLIP's image tower alone") == true)
        // And it is a source itself.
        #expect(try ImageSource(file: MappedFile(path: alone)).configuration == tower.configuration)
        #expect(try ImageSource(file: MappedFile(path: path)).configuration == tower.configuration)
    }

    @Test("what has no tower, or one of another width, is refused by name")
    func others() throws {
        let plain = try importTiny()
        let none = failure(of: ModelError.self) {
            _ = try KeptImageTower.open(MappedFile(path: plain), kernels: .available[0])
        }
        #expect(none?.description.contains("import the checkpoint with --keep-image-tower") == true)
        let checkpoint = try Golden.checkpoint("tiny")
        let unmade = failure(of: ModelError.self) {
            _ = try KeptImageTower.open(MappedFile(path: checkpoint), kernels: .available[0])
        }
        #expect(
            unmade?.description
                == "\(checkpoint) is a PyTorch checkpoint: make a model file of it with vigil import \(checkpoint) --output "
                + "FILE.safetensors --keep-image-tower, and name that")
        let source = failure(of: ModelError.self) { _ = try ImageSource(file: MappedFile(path: plain)) }
        #expect(source?.description.contains("has no CLIP image tower") == true)
        let shape = ImageTower.Configuration(width: 64, outputWidth: 512, layers: 1, patch: 16, grid: 2)
        let wide = failure(of: ModelError.self) { () throws(ModelError) in
            try ImageFile.check(shape, width: 64, in: "x")
        }
        #expect(
            wide?.description
                == "x: tensor 'clipmodel.visual.proj' makes features 512 wide: expected 64, the model's width")
    }
}
