import ArgumentParser

/// `vigil bench engine`.
struct EngineBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine", abstract: "Time the model's operations and whole videos.",
        discussion: """
            Operations and videos are given by their median, products and videos with their share of the cores' measured \
            multiply-add peak. The kernels are checked against the portable ones first: what differs is not timed.
            """)

    @Option(help: "Model file made by vigil import. (default: random weights in UCF-Crime's shape)")
    var model: String?
    @Option(parsing: .upToNextOption, help: "Snippets of the videos.")
    var lengths: [Int] = [30, 120, 256, 1000]
    @Option(help: "Threads that share the chunks of a video.")
    var threads = 1
    @Option(help: "Timed runs of each.")
    var runs = 15
    @Flag(help: "Write JSON.")
    var json = false
    @OptionGroup var general: SettingGroup<BenchSettings.General>

    func run() async throws {
        guard lengths.allSatisfy({ (1...1_000_000).contains($0) }), !lengths.isEmpty else {
            throw Failure(.usage, "--lengths \(lengths): expected 1 to 1000000 each")
        }
        guard (1...1_024).contains(threads) else { throw Failure(.usage, "--threads \(threads): expected 1 to 1024") }
        guard (1...10_000).contains(runs) else { throw Failure(.usage, "--runs \(runs): expected 1 to 10000") }
        let own = ["model": model.map { [$0] }].compactMapValues(\.self)
        let settings = try Settings(.bench, options: general.given, own)
        let kernels = try settings.kernels()
        let model = try BenchModel.load(try settings.text("model"), kernels: kernels)
        let bench = EngineBench(model: model, kernels: kernels, threads: threads, runs: runs)
        let report = try bench.report(lengths: lengths)
        try Terminal.print(json ? report.json : Array(report.text.utf8))
    }
}
