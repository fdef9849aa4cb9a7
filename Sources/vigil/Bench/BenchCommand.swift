import ArgumentParser
import HTTPClient
import Platform
import Scoring
import TLS

/// `vigil bench`.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure the engine and the service on this machine.",
        subcommands: [EngineBenchCommand.self, ServeBenchCommand.self, TrainBenchCommand.self])
}

/// `vigil bench engine`.
struct EngineBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine", abstract: "Time the model's operations and whole videos, or its image tower.",
        discussion: """
            Operations and videos are given by their median, products and videos with their share of the cores' measured \
            multiply-add peak. The kernels are checked against the portable ones first: what differs is not timed. With \
            --image it is CLIP's image tower that is timed, in images a second. By --compute bfloat16 or int8 it is also told \
            how far the numbers are from float32's.
            """)

    @Option(help: "Model file made by vigil import. (default: random weights in UCF-Crime's shape)")
    var model: String?
    @Option(parsing: .upToNextOption, help: "Snippets of the videos.")
    var lengths: [Int] = [30, 120, 256, 1000]
    @Option(help: "Threads that share the chunks of a video, two at most one chunk, or the rows of a batch of images.")
    var threads = 1
    @Option(help: "Timed runs of each. (default: 15; of images 5)")
    var runs: Int?
    @Flag(help: "Time CLIP's image tower: the model's, or one of random weights in ViT-B/16's shape.")
    var image = false
    @Option(parsing: .upToNextOption, help: "Images of a batch, with --image. (default: 1, 4 and 16)")
    var batch: [Int] = []
    @Flag(help: "Write JSON.")
    var json = false
    @OptionGroup var general: SettingGroup<BenchSettings.General>

    func run() async throws {
        guard lengths.allSatisfy({ (1...1_000_000).contains($0) }), !lengths.isEmpty else {
            throw Failure(.usage, "--lengths \(lengths): expected 1 to 1000000 each")
        }
        guard (1...1_024).contains(threads) else { throw Failure(.usage, "--threads \(threads): expected 1 to 1024") }
        let runs = runs ?? (image ? 5 : 15)
        guard (1...10_000).contains(runs) else { throw Failure(.usage, "--runs \(runs): expected 1 to 10000") }
        guard image || batch.isEmpty else { throw Failure(.usage, "--batch: expected --image with it") }
        guard batch.allSatisfy({ (1...256).contains($0) }) else {
            throw Failure(.usage, "--batch \(batch): expected 1 to 256 each")
        }
        let own = ["model": model.map { [$0] }].compactMapValues(\.self)
        let settings = try Settings(.bench, options: general.given, own)
        let kernels = try settings.kernels()
        if image {
            let report = try ImageBench(kernels: kernels, threads: threads, runs: runs).report(
                path: try settings.model()?.path, batches: batch.isEmpty ? [1, 4, 16] : batch)
            return try Terminal.print(json ? report.json : Array(report.text.utf8), asJSON: json)
        }
        let model = try BenchModel.load(try settings.model()?.path, kernels: kernels)
        let exact =
            kernels.compute == .float32
            ? nil : try BenchModel.load(try settings.model()?.path, kernels: kernels.computing(.float32))
        let bench = EngineBench(model: model, exact: exact, kernels: kernels, threads: threads, runs: runs)
        let report = try bench.report(lengths: lengths)
        try Terminal.print(json ? report.json : Array(report.text.utf8), asJSON: json)
    }
}

/// `vigil bench serve`.
struct ServeBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Drive a server with requests and time the answers.",
        discussion: """
            A request is POST /score with an .npy of random features, and its answer the scores. Without --rate it is a \
            closed loop: each client sends its next request when the answer came. With --rate it is an open loop: \
            requests are due at fixed times, stand in line while all connections are busy, and their latency counts from \
            when they were due. With a server in this process, requests of a lone client are then timed in turns with \
            the engine alone: http_share is the part of their time that is not the engine's. A server that is driven by \
            URL keeps the results as it keeps those of others. The keys of --json are in docs/command-line.md. The first Ctrl-C ends the measuring with a report.
            """)

    @Argument(help: "http://HOST:PORT or https://HOST:PORT of a running server. (default: a server in this process)")
    var url: String?
    @Option(help: "Model file made by vigil import. (default: random weights in UCF-Crime's shape)")
    var model: String?
    @Option(help: "Worker threads of the server in this process. (default: the processors that it may use)")
    var workers: Int?
    @Option(help: "What to ask for: scores, or /livez, which is the HTTP server alone.")
    var target = LoadTarget.Kind.score
    @Option(help: "The form of the scores.")
    var answers = LoadTarget.Form.npy
    @Option(parsing: .upToNextOption, help: "Snippets of the videos; a phase for each. (default: 256)")
    var lengths: [Int] = []
    @Option(help: "Connections.")
    var clients = 4
    @Option(help: "Requests a second, at fixed times. (default: as the answers come)")
    var rate: GivenNumber?
    @Option(help: "Seconds of a phase.")
    var seconds = GivenNumber(10)
    @Option(help: "Seconds before each phase that do not count.")
    var warmup = GivenNumber(1)
    @Option(help: "A file with an API key of the server at URL, in one line.")
    var keyFile: String?
    @OptionGroup var trust: ServerTrust
    @Flag(help: "Write JSON.")
    var json = false
    @Option(help: "A file for the distribution of the latencies, in HdrHistogram's text form, in milliseconds.")
    var hdr: String?
    @OptionGroup var general: SettingGroup<BenchSettings.General>
    @OptionGroup(title: "Client") var client: SettingGroup<BenchSettings.Client>

    /// The numbers that were given, once they have been checked.
    private struct Pace {
        var rate: Double?
        var seconds: Double
        var warmup: Double
    }

    func run() async throws {
        let pace = try check()
        let server = try url.map { try ServerURL($0) }
        let context = try trust.context(for: server)
        if let hdr { try AtomicFile.check(path: hdr) }
        Memory.keepSmallBlocks()
        Descriptors.raiseLimit()
        let settings = try settings()
        let key = try key(settings)
        let (stop, sources) = StopFlag.on(SIGINT)
        defer { for source in sources { source.cancel() } }
        let report =
            if let server {
                try await measure(server, trusting: context, own: nil, key: key, pace, stop)
            } else {
                try await measureOwn(settings, pace, stop)
            }
        try Terminal.print(json ? report.json : Array(report.text.utf8), asJSON: json)
        if let hdr { try write(report, to: hdr) }
        if stop.isSet { throw ExitCode(130) }
        for phase in report.phases where phase.tally.answered == 0 {
            throw Failure(
                .internal,
                "\(report.url): none of \(phase.tally.requests) requests was answered"
                    + (phase.tally.errors > 0 ? ": \(phase.tally.errorText)" : " within --seconds \(pace.seconds)"))
        }
    }

    private func settings() throws -> Settings {
        let own = ["model": model.map { [$0] }, "workers": workers.map { ["\($0)"] }].compactMapValues(\.self)
        return try Settings(.bench, options: general.given, client.given, own)
    }

    /// The API key of the server at the URL; one that the environment has is no other server's.
    private func key(_ settings: Settings) throws -> KeyFile? {
        if let keyFile { return try KeyFile(keyFile) }
        guard url != nil, let key = try settings.secret("api-key") else { return nil }
        return try KeyFile(key: key, from: settings.isSecretInFile("api-key") ? "api-key-file" : "api-key")
    }

    private func check() throws -> Pace {
        if url == nil, keyFile != nil {
            throw Failure(.usage, "--key-file: the server in this process takes no keys; expected a URL")
        }
        if url != nil, model != nil { throw Failure(.usage, "--model: the server at URL has its own; expected no URL") }
        if url != nil, workers != nil {
            throw Failure(.usage, "--workers: the server at URL has its own; expected no URL")
        }
        if target == .livez, !lengths.isEmpty {
            throw Failure(.usage, "--lengths: nothing is sent to /livez; expected --target score")
        }
        guard lengths.allSatisfy({ (1...60_000).contains($0) }) else {
            throw Failure(.usage, "--lengths \(lengths): expected 1 to 60000 each")
        }
        if hdr != nil, lengths.count > 1 { throw Failure(.usage, "--hdr: expected one of --lengths, not several") }
        guard (1...4_096).contains(clients) else { throw Failure(.usage, "--clients \(clients): expected 1 to 4096") }
        return Pace(
            rate: try rate.map { try $0.value(of: "--rate", in: 0.01...1_000_000) },
            seconds: try seconds.value(of: "--seconds", in: 0.1...86_400),
            warmup: try warmup.value(of: "--warmup", in: 0...3_600))
    }

    private func measureOwn(_ settings: Settings, _ pace: Pace, _ stop: StopFlag) async throws -> ServeReport {
        let kernels = try settings.kernels()
        let model = try BenchModel.load(try settings.model()?.path, kernels: kernels)
        let workers = try settings.integer(ifSet: "workers") ?? Processors.count
        let server = try await OwnServer.start(model: model, workers: workers)
        let report: ServeReport
        do {
            report = try await measure(
                server.url, trusting: nil, own: ServeBench.Own(model: model, workers: workers), key: nil, pace, stop)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
        return report
    }

    private func measure(
        _ server: ServerURL, trusting trust: TLSClientContext?, own: ServeBench.Own?, key: KeyFile?, _ given: Pace,
        _ stop: StopFlag
    ) async throws -> ServeReport {
        let served = try await ServeBench.probe(server, trusting: trust, target, key: key)
        let pace = given.rate.map { LoadSchedule.Pace.open(rate: $0) } ?? .closed
        let bench = ServeBench(
            server: server, trust: trust, own: own, clients: clients, pace: pace, warmup: .seconds(given.warmup),
            length: .seconds(given.seconds), stop: stop)
        var phases: [ServeReport.Phase] = []
        if let served {
            for snippets in lengths.isEmpty ? [256] : lengths where !stop.isSet {
                let target = LoadTarget.score(
                    snippets: snippets, width: served.width, clients: clients, form: answers, of: server, key: key)
                phases.append(try await bench.phase(target))
            }
        } else {
            phases.append(try await bench.phase(.livez(of: server)))
        }
        return ServeReport(
            url: server.description,
            own: own.map { ($0.workers, $0.model.kernels.name, $0.model.kernels.compute.rawValue) },
            model: served?.name,
            form: answers, clients: clients, pace: pace, warmup: given.warmup, seconds: given.seconds, phases: phases)
    }

    private func write(_ report: ServeReport, to path: String) throws {
        guard let phase = report.phases.first else { return }
        var text = ""
        phase.tally.latencies.outputPercentileDistribution(to: &text, outputValueUnitScalingRatio: 1e6)
        try AtomicFile.write(Array(text.utf8), to: path)
    }
}

/// A number of the command line, read as all values are: its text is there for messages.
struct GivenNumber: ExpressibleByArgument {
    private let text: String

    init(argument: String) { text = argument }

    init(_ number: Double) { text = "\(number)" }

    var defaultValueDescription: String { text }

    /// The number; throws where the text is none, or none in the range.
    func value(of option: String, in range: ClosedRange<Double>) throws(Failure) -> Double {
        if let number = GivenValue.number(text), range.contains(number) { return number }
        let reason = GivenValue.rangeFault(text).map { "it \($0); " } ?? ""
        let expected = "expected \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
        throw Failure(.usage, "\(option) \(text): \(reason)\(expected)")
    }

    private static func text(_ limit: Double) -> String { Int(exactly: limit).map { "\($0)" } ?? "\(limit)" }
}

extension ServerURL {
    /// Reads the argument of a command; throws what is wrong with it.
    init(_ text: String) throws {
        do throws(ServerURLError) { try self.init(parsing: text) } catch {
            throw Failure(.usage, "URL '\(text.prefix(200))': \(error); expected http://HOST:PORT or https://HOST:PORT")
        }
    }
}
