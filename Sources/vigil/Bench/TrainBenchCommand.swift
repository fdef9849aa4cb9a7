import ArgumentParser
import VadCLIP

/// `vigil bench train`.
struct TrainBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Time steps of training.",
        discussion: """
            A step is forward, losses, backward and AdamW over videos of random features, with CLIP's text tower in its \
            size. Its median is given with its share of the cores' measured multiply-add peak. Tests/Load/train.sh compares \
            it with PyTorch.
            """)

    @Option(help: "Settings and labels: ucf-crime or xd-violence.")
    var preset = "ucf-crime"
    @Option(help: "Videos of a step.")
    var videos = 16
    @Option(help: "Snippets of each video.")
    var snippets = 256
    @Option(help: "Threads that compute. (default: the processors)")
    var threads: Int?
    @Option(help: "Timed steps, after one that is not counted.")
    var runs = 7
    @Flag(help: "Write JSON.")
    var json = false
    @OptionGroup var general: SettingGroup<BenchSettings.General>

    func run() async throws {
        guard let preset = [Preset.ucfCrime, .xdViolence].first(where: { $0.name == preset }) else {
            throw Failure(.usage, "--preset '\(preset.prefix(40))': expected ucf-crime or xd-violence")
        }
        for (option, value, most) in [
            ("--videos", videos, 4_096), ("--snippets", snippets, 100_000), ("--threads", threads ?? 1, 1_024),
            ("--runs", runs, 10_000),
        ] where !(1...most).contains(value) {
            throw Failure(.usage, "\(option) \(value): expected 1 to \(most)")
        }
        let settings = try Settings(.bench, options: general.given)
        let kernels = try settings.kernels()
        guard kernels.compute == .float32 || settings.place(of: "compute") != .option else {
            throw Failure(.usage, "--compute \(kernels.compute.rawValue): training is float32 throughout")
        }
        let report = try TrainBench(
            preset: preset, videos: videos, snippets: snippets, kernels: kernels.computing(.float32),
            threads: threads ?? Processors.count,
            runs: runs
        ).report()
        try Terminal.print(json ? report.json : Array(report.text.utf8), asJSON: json)
    }
}
