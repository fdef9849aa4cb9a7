import CLIP
import Formats
import Platform
import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import Datasets

@Suite("made-up scenes") struct SceneTests {
    private let world = SceneWorld(seed: 3)

    @Test("a seed and a number make a video, whatever others are made") func repeatable() {
        #expect(SceneWorld(seed: 3).trainingVideo(7) == world.trainingVideo(7))
        #expect(SceneWorld(seed: 4).trainingVideo(7).features != world.trainingVideo(7).features)
        #expect(world.trainingVideo(9).features != world.trainingVideo(7).features)
        #expect(world.testVideo(7).features != world.trainingVideo(7).features)
    }

    @Test("the first training video has the numbers that it had when the embedded model was trained") func numbers() {
        let video = SceneWorld(seed: 1).trainingVideo(1)
        let bits = video.features.values.reduce(into: UInt64(0)) { sum, value in
            sum = (sum ^ UInt64(value.bitPattern)) &* 0x100_0000_01B3
        }
        #expect(bits == 15_098_571_492_680_146_990)
    }

    @Test("every second video is normal, and each event as frequent as the others") func balance() {
        let labels = (0..<120).map { world.trainingVideo($0).label }
        #expect(labels.filter { $0 == "normal" }.count == 60)
        for event in SceneEvent.allCases { #expect(labels.filter { $0 == event.rawValue }.count == 10) }
    }

    @Test("events lie in their videos, whole and apart in test videos, and seen for four snippets in the others")
    func events() {
        for number in 0..<200 {
            let trained = world.trainingVideo(number)
            #expect((6...32).contains(trained.features.rows))
            #expect(
                trained.events.allSatisfy { $0.snippets.count >= 4 && $0.snippets.upperBound <= trained.features.rows })
            let tested = world.testVideo(number)
            #expect((32...96).contains(tested.features.rows))
            for (event, next) in zip(tested.events, tested.events.dropFirst()) {
                #expect(event.snippets.upperBound + 6 <= next.snippets.lowerBound)
            }
            for event in tested.events {
                #expect(event.kind.lengths.contains(event.snippets.count))
                #expect(event.snippets.upperBound <= tested.features.rows)
            }
        }
    }

    @Test("the rows are what a model of their width takes, without a warning") func check() throws {
        let features = world.testVideo(1).features
        let (_, report) = try FeatureCheck(width: SceneWorld.width).accept(
            shape: [features.rows, features.columns], values: features.values, elementType: "float32", order: "C")
        #expect(report.warnings.isEmpty)
    }

    @Test("a step's rows differ from those of its scene, and most of it in the direction that steps have") func course()
    {
        var random = SceneRandom(seed: 1, kind: "course", number: 0)
        #expect(SceneEvent.step.course(snippets: 5, &random).allSatisfy { $0 == [1, 0, 0] })
        let rise = SceneEvent.rise.course(snippets: 8, &random).map { $0[0] }
        #expect(zip(rise, rise.dropFirst()).allSatisfy { $0 < $1 })
        let flicker = SceneEvent.flicker.course(snippets: 8, &random).map { $0[1] }
        #expect(zip(flicker, flicker.dropFirst()).allSatisfy { $0 == -$1 })
        let circle = SceneEvent.oscillation.course(snippets: 18, &random)
        #expect(circle.allSatisfy { abs(abs($0[0]) + abs($0[1]) - 1) < 1e-5 })
    }
}

@Suite("folders of made-up scenes") struct SceneFolderTests {
    private let scratch: ScratchFolder
    private let folder: SceneFolder

    init() throws {
        scratch = try ScratchFolder()
        folder = try SceneFolder(making: scratch.path + "/scenes", seed: 3)
        _ = try folder.write(training: 26, test: 12)
    }

    private let spelling = LabelSpelling(classes: SceneEvent.labels)

    @Test("the lists are found to be in order") func lists() throws {
        for (file, purpose) in [(SceneFolder.File.training, ListPurpose.training), (.test, .testing)] {
            let list = try VideoList(path: folder.path(of: file))
            let audit = FeatureAudit(
                list, classes: try list.classes(spelling), spelling: spelling,
                in: try FeatureFolder(path: folder.path), width: SceneWorld.width, for: purpose, isThorough: true)
            #expect(audit.errors.isEmpty)
            #expect(audit.files.count == (file == .training ? 26 : 12))
        }
    }

    @Test("the annotations are the test videos' events, in frames") func annotations() throws {
        let annotations = try Annotations(path: folder.path(of: .annotations), spelling: spelling)
        for number in 0..<12 {
            let video = SceneWorld(seed: 3).testVideo(number)
            let wanted = video.events.map {
                AnnotatedInterval(
                    label: (SceneEvent.allCases.firstIndex(of: $0.kind) ?? 0) + 1,
                    frames: $0.snippets.lowerBound * 16..<$0.snippets.upperBound * 16)
            }
            #expect(annotations[video.name] == wanted)
        }
    }

    @Test("a folder that holds scenes is not written to again") func again() throws {
        let error = failure(of: FileError.self) { _ = try SceneFolder(making: folder.path, seed: 3) }
        #expect(error?.description.contains("holds scenes already") == true)
    }

    @Test("each label is one token of the vocabulary, and the tower tells the labels apart") func tower() throws {
        let tokenizer = try Tokenizer(vocabulary: SceneVocabulary.text)
        let tokens = SceneEvent.labels.map { tokenizer.tokens(of: $0) }
        #expect(tokens.allSatisfy { $0.count == 1 && $0[0] >= 512 && $0[0] < 1_022 })
        #expect(Set(tokens).count == SceneEvent.labels.count)
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
