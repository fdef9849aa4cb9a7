import ArgumentParser
import Datasets
import Platform

/// `vigil scenes`.
struct ScenesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scenes", abstract: "Write a data set of made-up scenes, to try training and evaluation with.",
        discussion: """
            Rows are \(SceneWorld.width) wide, as the embedded model's are, and made by a seed; there is no video behind \
            them. Half of the videos are normal, in the others something happens that is known by its course over time: \
            \(SceneEvent.allCases.map(\.rawValue).joined(separator: ", ")). Then, with FOLDER for --output:
              vigil train --list FOLDER/train.csv --features FOLDER \\
                --labels \(SceneEvent.labels.joined(separator: ",")) \\
                --validation-list FOLDER/test.csv \\
                --annotations FOLDER/annotations.csv \\
                --clip FOLDER/clip.safetensors --vocab FOLDER/vocabulary.txt \\
                --length 32 --output TRAINED
            """)

    @Option(help: "The folder to write; it is made where it is not there.")
    var output: String
    @Option(help: "Training videos, labelled as a whole.")
    var train = 4_800
    @Option(help: "Test videos, with their events' frames.")
    var test = 200
    @Option(help: "Seed of the world, its tower and its videos.")
    var seed: UInt64 = 1

    func run() throws {
        for (option, value) in [("--train", train), ("--test", test)] where !(1...100_000).contains(value) {
            throw Failure(.usage, "\(option) \(value): expected 1 to 100000")
        }
        let folder: SceneFolder
        do throws(FileError) { folder = try SceneFolder(making: output, seed: seed) } catch {
            throw Failure(.configuration, error.description)
        }
        let held = try folder.write(training: train, test: test)
        let lines = [
            "\(folder.path(of: .training)): \(held.training.text)",
            "\(folder.path(of: .test)): \(held.test.text)",
            "\(folder.path(of: .annotations)): \(held.events) events",
        ]
        try Terminal.print(Array(lines.joined(separator: "\n").utf8))
    }
}
