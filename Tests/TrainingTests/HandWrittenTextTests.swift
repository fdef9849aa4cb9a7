import CLIP
import Platform
import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import Scenes
@testable import Training

@Suite("Text without a learned prompt")
struct HandWrittenTextTests {
    @Test("\"a video of\" is told in the vocabulary that the labels are told in")
    func words() throws {
        #expect(try LabelTokens.handWrittenPrompt(vocabulary: nil) == [320, 1_455, 539])
        let words = try LabelTokens.handWrittenPrompt(vocabulary: SceneVocabulary.text)
        #expect(words == (try Tokenizer(vocabulary: SceneVocabulary.text).tokens(of: "a video of")))
        #expect(words != [320, 1_455, 539])
    }

    @Test("the made-up scenes' tower takes it, which has fewer tokens than CLIP's")
    func scenes() throws {
        let folder = try ScratchFolder()
        let scenes = try SceneFolder(making: folder.path + "/scenes", seed: 3)
        try scenes.writeTextTower()
        let source = try CheckpointSource(clip: MappedFile(path: scenes.path(of: .tower)))
        let tower = try source.textTower(width: SceneWorld.width, prefix: 10, postfix: 10)
        let words = try LabelTokens.handWrittenPrompt(vocabulary: SceneVocabulary.text)
        let tokens = try LabelTokens.of(
            SceneEvent.labels, vocabulary: SceneVocabulary.text, tower: tower)
        let stray = failure(of: ModelError.self) {
            _ = try LabelTokens.of(["normal", "explosion"], vocabulary: nil, tower: tower)
        }
        #expect(stray?.description.contains("does not belong to this text tower; --vocab names its own") == true)
        func text(_ words: [Int]) throws -> Matrix {
            try HandWrittenText(
                clip: source, tower: tower, words: words, tokens: tokens, kernels: .available[0]
            ).features(prompt: Workspace().matrix(rows: 1, columns: 1))
        }
        #expect(try text(words).rows == SceneEvent.labels.count)
        #expect(throws: TrainingError.self) { try text([320, 1_455, 539]) }
    }
}
