import ArgumentParser
import CLIP
import Formats
import Frames
import Platform
import Scenes
import Tensors
import Training
import VadCLIP
import Video

/// `vigil scenes`.
struct ScenesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scenes", abstract: "Write a data set of made-up scenes, to try training and evaluation with.",
        discussion: """
            Scenes are drawn by a seed: a street with walkers and cars, 160x120 pixels, 30 frames a second. Half of the clips are \
            normal, in the others something happens: \(SceneEvent.allCases.map(\.rawValue).joined(separator: ", ")). Their \
            features are \(SceneWorld.width) wide and made by the embedded model's image tower, unless another one is named. \
            Then, with FOLDER for --output:
              vigil train --list FOLDER/train.csv --features FOLDER \\
                --labels \(SceneEvent.labels.joined(separator: ",")) \\
                --validation-list FOLDER/test.csv \\
                --annotations FOLDER/annotations.csv \\
                --clip FOLDER/clip.safetensors --vocab FOLDER/vocabulary.txt \\
                --length 32 --output TRAINED
            """)

    @Option(help: "The folder to write; it is made where it is not there.")
    var output: String
    @Option(help: "Training clips, labelled as a whole.")
    var train = 500
    @Option(help: "Test clips, with their events' frames.")
    var test = 60
    @Option(help: "Seed of the world, its tower and its clips.")
    var seed: UInt64 = 1
    @Option(help: "The file of an image tower that makes the features. (default: the embedded model)")
    var imageTower: String?
    @Flag(
        help: """
            Train the image tower anew, on pictures of the seed's scenes that are in no clip, in place of the embedded \
            model's; it is written to tower.safetensors, for --image-tower of vigil train.
            """)
    var newTower = false
    @Option(help: "Steps that a new tower is trained for, 64 pictures each.")
    var towerSteps = 2_000
    @Flag(help: "Write the test clips as videos too, to videos/NAME.mp4, by ffmpeg's libx264.")
    var video = false
    @Option(help: "The ffmpeg that encodes videos. (default: the first of PATH)")
    var ffmpeg: String?
    @Option(help: "Threads that compute; the result is the same for any number. (default: the processors)")
    var threads: Int?
    @Option(help: "Kernels that compute: avx512, avx2, neon or portable. (default: the fastest)")
    var kernels: String?

    /// The embedded model's tower: one head, two blocks.
    private static let tower = ImageTower.Configuration(
        width: SceneWorld.width, outputWidth: SceneWorld.width, layers: 2, patch: 8, grid: 8)

    func run() throws {
        for (option, value, range) in [
            ("--train", train, 1...100_000), ("--test", test, 1...100_000),
            ("--tower-steps", towerSteps, 1...1_000_000),
            ("--threads", threads ?? 1, 1...1_024),
        ] where !range.contains(value) {
            throw Failure(.usage, "\(option) \(value): expected \(range.lowerBound) to \(range.upperBound)")
        }
        let kernels: Kernels
        do throws(KernelsError) { kernels = try Kernels.choose(self.kernels) } catch {
            throw Failure(.usage, "--kernels: \(error.description)")
        }
        guard imageTower == nil || !newTower else {
            throw Failure(.usage, "--image-tower and --new-tower: expected one of both")
        }
        let known = try newTower ? nil : tower(kernels)
        let encoder = try encoder()
        let folder: SceneFolder
        do throws(FileError) { folder = try SceneFolder(making: output, seed: seed) } catch {
            throw Failure(.configuration, error.description)
        }
        let tower = try known ?? trained(in: folder, kernels)
        let videos = output + "/videos"
        if encoder != nil { try WorkFolder.make(videos) }
        let held = try folder.write(training: train, test: test, by: tower, threads: threads ?? Processors.count) {
            clip in
            try encoder?.encode(clip.source, to: "\(videos)/\(clip.name).mp4")
        }
        let lines = [
            "\(folder.path(of: .training)): \(held.training.text)",
            "\(folder.path(of: .test)): \(held.test.text)",
            "\(folder.path(of: .annotations)): \(held.events) events",
        ]
        try Terminal.print(Array(lines.joined(separator: "\n").utf8))
    }

    private func encoder() throws -> VideoEncoder? {
        guard video else {
            if ffmpeg != nil { Terminal.note("note: --ffmpeg without effect: it goes with --video") }
            return nil
        }
        guard let size = FrameSize(width: SceneClip.size.width, height: SceneClip.size.height) else { return nil }
        do throws(FFmpegError) {
            return VideoEncoder(by: try FFmpeg.find(ffmpeg), size: size, rate: SceneClip.rate)
        } catch {
            throw Failure(.configuration, error.description)
        }
    }

    private func tower(_ kernels: Kernels) throws -> ImageTower {
        if let imageTower { return try Self.read(imageTower, kernels) }
        let file = Resources.demoModel
        return try ModelSource.named(file) { () throws(ModelError) in
            try KeptImageTower.open(file, kernels: kernels).tower()
        }
    }

    /// Trains a tower, writes it, and reads it back.
    private func trained(in folder: SceneFolder, _ kernels: Kernels) throws -> ImageTower {
        var settings = TowerSettings(tower: Self.tower, sights: SceneSight.allCases.count, seed: seed)
        settings.steps = towerSteps
        let examples = SceneExamples(
            folder.world, recipe: try SceneClip.recipe(resolution: Self.tower.resolution))
        let trainer = TowerTrainer(settings, kernels: kernels, threads: threads ?? Processors.count)
        let line = RunningLine()
        defer { line.clear() }
        try trainer.train { number in
            let (square, sights) = examples[number]
            return TowerExample(square: square, sights: sights)
        } progress: { step, loss in
            guard Terminal.isInteractive else { return }
            let text = "image tower, step \(step)/\(towerSteps), loss \(ReportText.fixed(loss, 3))"
            line.show { RunningLine.bar(step, of: towerSteps, before: text, columns: $0) }
        }
        let path = folder.path + "/tower.safetensors"
        try SafetensorsWriter(tensors: trainer.tensors).write(to: path)
        return try Self.read(path, kernels)
    }

    private static func read(_ path: String, _ kernels: Kernels) throws -> ImageTower {
        let source = try ImageSource(file: MappedFile(path: path))
        try source.check(width: SceneWorld.width)
        return try ImageTower(from: source, configuration: source.configuration, in: Preparation(kernels: kernels))
    }
}
