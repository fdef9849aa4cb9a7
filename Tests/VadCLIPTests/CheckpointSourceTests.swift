import Formats
import Platform
import Tensors
import TestSupport
import Testing
import VadCLIP

@Suite("Where CLIP comes from, and checkpoints of trained weights")
struct CheckpointSourceTests {
    private static let clip = ["positional_embedding", "token_embedding.weight", "visual.proj", "ln_final.bias"]

    /// A state dict whose tensors hold their places.
    private func file(_ names: [String], in folder: ScratchFolder, as name: String = "clip") throws -> MappedFile {
        let path = "\(folder.path)/\(name).safetensors"
        try SafetensorsWriter(
            tensors: names.enumerated().map { place, name in
                .init(name: name, shape: [1, 2]) { [Float(place), 1] }
            }
        ).write(to: path)
        return try MappedFile(path: path)
    }

    @Test(
        "CLIP's own names and those in a VadCLIP checkpoint are the same tensors",
        arguments: ["", "clipmodel.", "module.clipmodel."])
    func names(prefix: String) throws {
        let folder = try ScratchFolder()
        let others = prefix.isEmpty ? [] : [prefix.replacing("clipmodel.", with: "") + "linear.weight"]
        let source = try CheckpointSource(clip: file(Self.clip.map { prefix + $0 } + others, in: folder))
        #expect(source.names == Self.clip.map { "clipmodel." + $0 })
        #expect(source.shape(of: "clipmodel.token_embedding.weight") == [1, 2])
        #expect(try source.floats("clipmodel.visual.proj", shape: [1, 2]) == [2, 1])
        #expect(source.vocabulary == nil)
    }

    @Test("what has no text tower is refused by its name")
    func refused() throws {
        let folder = try ScratchFolder()
        let file = try file(["visual.proj"], in: folder)
        let error = failure(of: ModelError.self) { _ = try CheckpointSource(clip: file) }
        #expect(error?.description.contains("token_embedding.weight") == true)
    }

    @Test("trained weights are written in the published order, CLIP's whole between them", arguments: [true, false])
    func written(isTorch: Bool) throws {
        let folder = try ScratchFolder()
        let clip = try CheckpointSource(clip: file(Self.clip, in: folder))
        let own = ["gc1.weight", "gc4.weight", "linear.weight"]
        let embeddings = ["frame_position_embeddings.weight", "text_prompt_embeddings.weight"]
        let trained = TrainedWeights(
            (own + embeddings).map { .init(name: $0, shape: [2, 2], values: [1, 2, 3, 4]) }, clip: clip)
        let path = folder.path + "/weights"
        try trained.writeCheckpoint(to: path, isTorch: isTorch)
        let file = try MappedFile(path: path)
        let expected =
            ["gc1.weight", "gc4.weight", "disAdj.sigma", "linear.weight"] + Self.clip.map { "clipmodel." + $0 }
            + embeddings
        let names = isTorch ? try TorchCheckpoint(file: file).names : try SafetensorsFile(file: file).names
        #expect(names == expected)
        let again = try CheckpointSource(file: file)
        #expect(try again.floats("gc4.weight", shape: [2, 2]) == [1, 2, 3, 4])
        #expect(try again.floats("clipmodel.ln_final.bias", shape: [1, 2]) == [3, 1])
        #expect(try again.floats("disAdj.sigma", shape: [1]) == [0.1])
    }

    @Test("weights that have diverged are not written")
    func diverged() throws {
        let folder = try ScratchFolder()
        let clip = try CheckpointSource(clip: file(Self.clip, in: folder))
        let trained = TrainedWeights([.init(name: "linear.weight", shape: [1], values: [.nan])], clip: clip)
        #expect(throws: WeightError.self) { try trained.writeCheckpoint(to: folder.path + "/weights", isTorch: true) }
        #expect(throws: FileError.self) { try MappedFile(path: folder.path + "/weights") }
    }
}
