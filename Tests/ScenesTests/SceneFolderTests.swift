import CLIP
import Datasets
import Extraction
import Formats
import Platform
import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import Scenes

@Suite("folders of made-up scenes") struct SceneFolderTests {
    private let scratch: ScratchFolder
    private let folder: SceneFolder

    init() throws {
        scratch = try ScratchFolder()
        folder = try SceneFolder(making: scratch.path + "/scenes", seed: 3)
    }

    private let spelling = LabelSpelling(classes: SceneEvent.labels)

    /// Looks at a few pixels, which is quicker than a tower.
    private struct Peeking: FrameEncoder {
        let resolution = 8
        let outputWidth = SceneWorld.width

        func scratch(images: Int) {}

        func encode(_ images: [[UInt8]], with scratch: Void) -> Matrix {
            Matrix(
                rows: images.count, columns: outputWidth,
                values: images.flatMap { image in image.prefix(outputWidth).map { Float($0) / 16 } })
        }
    }

    @Test("the lists are found to be in order, the annotations are the test clips' events, and nothing is written over")
    func lists() throws {
        let films = Monitor([String]())
        _ = try folder.write(training: 12, test: 4, by: Peeking(), threads: 2) { clip in
            films.withLock { $0.append(clip.name) }
        }
        #expect(films.withLock { $0.sorted() } == (0..<4).map { "test-0000\($0)" })
        for (file, purpose) in [(SceneFolder.File.training, ListPurpose.training), (.test, .testing)] {
            let list = try VideoList(path: folder.path(of: file))
            let audit = FeatureAudit(
                list, classes: try list.classes(spelling), spelling: spelling,
                in: try FeatureFolder(path: folder.path), width: SceneWorld.width, for: purpose, isThorough: true)
            #expect(audit.errors.isEmpty)
            #expect(audit.files.count == (file == .training ? 12 : 4))
        }
        let annotations = try Annotations(path: folder.path(of: .annotations), spelling: spelling)
        for number in 0..<4 {
            let clip = SceneWorld(seed: 3).testClip(number)
            let wanted = clip.events.map {
                AnnotatedInterval(
                    label: (SceneEvent.allCases.firstIndex(of: $0.kind) ?? 0) + 1, frames: $0.frames)
            }
            #expect(annotations[clip.name] == wanted)
        }
        let error = failure(of: FileError.self) { _ = try SceneFolder(making: folder.path, seed: 3) }
        #expect(error?.description.contains("holds scenes already") == true)
    }

    @Test("what goes wrong with a clip is told, and no list of it is written") func fault() throws {
        struct Fault: Error {}
        #expect(throws: Fault.self) {
            _ = try folder.write(training: 1, test: 2, by: Peeking(), threads: 2) { _ in throw Fault() }
        }
        #expect(access(folder.path(of: .test), F_OK) != 0)
    }

    @Test("each label is one token of the vocabulary, and the tower tells the labels apart") func tower() throws {
        let tokenizer = try Tokenizer(vocabulary: SceneVocabulary.text)
        let tokens = SceneEvent.labels.map { tokenizer.tokens(of: $0) }
        #expect(tokens.allSatisfy { $0.count == 1 && $0[0] >= 512 && $0[0] < 1_022 })
        #expect(Set(tokens).count == SceneEvent.labels.count)
        try folder.writeTextTower()
        let source = try CheckpointSource(clip: MappedFile(path: folder.path(of: .tower)))
        let shape = try source.textTower(width: SceneWorld.width, prefix: 10, postfix: 10)
        let tower = try TextTower(
            from: Prompted(base: source), configuration: shape, streaming: false, kernels: Kernels.choose(nil))
        let features = try tower.features(of: tokens)
        for row in 1..<features.rows {
            for other in 0..<row { #expect(cosine(features[row: row], features[row: other]) < 0.9) }
        }
    }

    @Test("what the tower has no place for is told with its file") func towerNamed() throws {
        try folder.writeTextTower()
        let source = try CheckpointSource(clip: MappedFile(path: folder.path(of: .tower)))
        for (prefix, postfix) in [(1_000, 0), (0, 1_000), (40, 40)] {
            let error = failure(of: ModelError.self) {
                _ = try source.textTower(width: SceneWorld.width, prefix: prefix, postfix: postfix)
            }
            #expect(error?.description.hasPrefix(folder.path(of: .tower) + ": ") == true)
        }
    }

    /// The tower with a prompt of small numbers, which training would learn.
    private struct Prompted: WeightSource {
        let base: CheckpointSource

        func shape(of name: String) -> [Int]? { base.shape(of: name) }

        func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
            guard name == TextTower.Names.prompt else { return try base.floats(name, shape: shape) }
            return (0..<shape.reduce(1, *)).map { Float($0 * 7_919 % 101) / 5_000 - 0.01 }
        }
    }

    private func cosine(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Float {
        func dot(_ a: ArraySlice<Float>, _ b: ArraySlice<Float>) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }
}
