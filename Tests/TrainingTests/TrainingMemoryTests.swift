import CLIP
import Platform
import TestSupport
import Testing
import VadCLIP

@testable import Scenes
@testable import Training

@Suite("The memory of a training")
struct TrainingMemoryTests {
    @Test("has the files that are held, and a text tower that is packed both ways where a prompt is learned")
    func parts() throws {
        let folder = try ScratchFolder()
        let scenes = try SceneFolder(making: folder.path + "/scenes", seed: 3)
        try scenes.writeTextTower()
        let file = try MappedFile(path: scenes.path(of: .tower))
        let clip = try CheckpointSource(clip: file)
        let model = ModelConfiguration(
            width: SceneWorld.width, length: 32, layers: 1, window: 8, labels: SceneEvent.labels)
        var settings = TrainingSettings(model: model)
        let alone = try TrainingMemory(settings, threads: 2, clip: clip, start: nil)
        #expect(alone.files == file.count)
        #expect(alone.network == TrainingMemory.network(settings, threads: 2))
        let tower = try clip.textTower(width: model.width, prefix: settings.prefix, postfix: settings.postfix)
        #expect(alone.tower > 4 * 2 * 12 * tower.layers * tower.width * tower.width)
        #expect(alone.all == alone.network + alone.tower + alone.files)
        #expect(try TrainingMemory(settings, threads: 2, clip: clip, start: clip).files == 2 * file.count)
        settings.without = [.learnablePrompt]
        #expect(try TrainingMemory(settings, threads: 2, clip: clip, start: nil).tower == 0)
    }
}
