import JSON
import Platform
import Training

/// What a training tells as it goes on: JSON lines, or sentences and a bar.
struct TrainProgress {
    private let asLines: Bool
    private let bar = ProgressBar()

    /// - Parameter asLines: JSON, an object a line
    init(asLines: Bool) { self.asLines = asLines }

    /// Tells what the lists hold, before the first run.
    func begin(_ job: TrainingJob, seeds: Int) throws {
        for note in Self.notes(on: job) { Terminal.note("note: \(note)") }
        let memory = try job.memory()
        guard asLines else {
            try say(
                "weights and a step's matrices take about \(ReportText.gigabytes(memory.network)), CLIP and held files "
                    + ReportText.gigabytes(memory.tower + memory.files))
            try say("training list: \(job.data.summary.text)")
            if let validation = job.validation {
                try say(
                    "validation, \(job.validatedOn): \(validation.summary.text), "
                        + counted(validation.snippets, "snippet"))
            }
            return
        }
        try line { json in
            json.member("event", "data")
            json.key("settings")
            json.raw(job.settings.json)
            json.member("rows", job.data.summary.rows)
            json.member("videos", job.data.summary.videos)
            json.key("crops")
            json.array(job.data.summary.crops) { $0.number($1) }
            json.key("videos_by_class")
            json.object { json in for (label, videos) in job.data.summary.classes { json.member(label, videos) } }
            json.member("validation_videos", job.validation?.summary.videos)
            json.member("validation_snippets", job.validation?.snippets)
            json.member("validated_on", job.validation == nil ? nil : job.validatedOn)
            json.member("kernels", job.kernels.name)
            json.member("threads", job.threads)
            json.member("bytes", memory.all)
            json.member("seeds", seeds)
        }
    }

    /// What is to be known before it begins, a sentence each.
    private static func notes(on job: TrainingJob) -> [String] {
        var notes = job.data.notes + (job.validation?.notes ?? [])
        if let note = job.validation.flatMap({ job.data.note(of: $0) }) { notes.append(note) }
        if job.validation == nil {
            notes.append("nothing is validated: the last weights are kept, and no figure tells how good they are")
        } else if job.validatedOn.begins(with: "the dataset's") {
            notes.append(
                "the best weights are chosen on the dataset's test list, as the paper does: its figures are then the best "
                    + "of many looks at it, and higher than on videos that nobody looked at; --validation-list names "
                    + "another")
        }
        if job.validation != nil, job.settings.training.without.contains(.alignment) {
            notes.append(
                "auc_fine, ap_fine and map_average are not available: they are of the A-Branch, which is left out")
        }
        if !job.settings.training.without.isEmpty {
            let parts = job.settings.training.without.sorted().map(\.rawValue).joined(separator: ", ")
            notes.append("parts are left out (\(parts)): no model file is written, as what serves models has all parts")
        }
        return notes
    }

    /// Tells how a seed's run is cut up.
    func begin(_ run: TrainingJob.SeedRun, of job: TrainingJob) {
        if asLines {
            try? line { json in
                json.member("event", "run")
                json.member("seed", String(run.seed))
                json.member("epochs", job.settings.epochs)
                json.member("steps_per_epoch", run.stepsPerEpoch)
                json.member("samples_per_epoch", run.samplesPerEpoch)
                json.member("steps_done", run.done)
            }
        } else {
            try? say(
                "seed \(run.seed): \(counted(job.settings.epochs, "epoch")) of \(counted(run.stepsPerEpoch, "step")), "
                    + counted(run.samplesPerEpoch, "sample")
                    + Self.place(done: run.done, stepsPerEpoch: run.stepsPerEpoch, epochs: job.settings.epochs))
        }
        pace.stepsPerEpoch = run.stepsPerEpoch
        pace.epochs = job.settings.epochs
        pace.threads = job.threads
        pace.metric = job.settings.metric
    }

    /// Where a run goes on, behind a semicolon; nothing at its beginning.
    static func place(done: Int, stepsPerEpoch: Int, epochs: Int) -> String {
        if done == 0 { return "" }
        if done >= epochs * stepsPerEpoch { return "; all of them are done" }
        return "; goes on in epoch \(done / stepsPerEpoch + 1) after step \(done % stepsPerEpoch)"
    }

    private final class PaceFacts {
        var stepsPerEpoch = 1, epochs = 1, threads = 1
        var metric = RunSettings.Metric.aucCoarse
    }

    private let pace = PaceFacts()
    /// What the estimate for a large machine counts on.
    private static let manyCores = 64

    /// Tells an event.
    func tell(_ event: RunEvent) {
        guard !asLines else {
            if case .pace(let seconds) = event {
                try? line { json in write(pace: seconds, to: &json) }
            } else {
                try? Terminal.print(event.json, asJSON: true)
            }
            return
        }
        switch event {
        case .step(let step): bar.show(step)
        case .pace(let seconds): try? say(text(pace: seconds))
        case .validation(let validation, let isBest, _):
            let figures = RunSettings.Metric.allCases.compactMap { metric in
                validation.figures[metric].map { "\(metric.rawValue) \(Self.rounded($0))" }
            }
            try? say(
                "epoch \(validation.epoch), step \(validation.step): \(figures.joined(separator: ", "))"
                    + (isBest ? " (the best \(pace.metric.rawValue) so far)" : ""))
        case .epoch(let number, let epoch, let returnsTo):
            let means = zip(RunHistory.Epoch.names, epoch.means).map { "\($0) \(Self.rounded($1))" }
            try? say(
                "epoch \(number) of \(pace.epochs): \(means.joined(separator: ", "))"
                    + (returnsTo.map { "; the next begins with the best weights, of epoch \($0)" } ?? ""))
        case .saved: break
        }
    }

    private func write(pace seconds: Double, to json: inout JSONWriter) {
        let epoch = seconds * Double(pace.stepsPerEpoch)
        json.member("event", "pace")
        json.member("seconds_per_step", seconds)
        json.member("seconds_per_epoch", epoch)
        json.member("threads", pace.threads)
        json.member("seconds_per_epoch_on_64_cores", epoch * Double(pace.threads) / Double(Self.manyCores))
    }

    private func text(pace seconds: Double) -> String {
        let epoch = seconds * Double(pace.stepsPerEpoch)
        let many = epoch * Double(pace.threads) / Double(Self.manyCores)
        return
            "a step takes \(Self.rounded(seconds)) s with \(counted(pace.threads, "thread")): an epoch \(TimeText.of(epoch)), all "
            + "\(pace.epochs) of them \(TimeText.of(epoch * Double(pace.epochs))), validation apart; on "
            + "\(Self.manyCores) cores, by arithmetic, an epoch \(TimeText.of(many))"
    }

    /// Tells that a run was stopped.
    func stopped(in folder: String) {
        bar.clear()
        Terminal.note("stopped: the state is in \(folder), and --resume goes on from it")
    }

    /// Tells what a seed's run came to.
    func end(_ result: SeedResult, of job: TrainingJob) throws {
        guard asLines else {
            let figures = RunSettings.Metric.allCases.compactMap { metric in
                result.figures?.figures[metric].map { "\(metric.rawValue) \(Self.rounded($0))" }
            }
            let place = result.figures.map { ", of epoch \($0.epoch) after step \($0.step)" } ?? ""
            try say(
                "seed \(result.seed): " + (figures.isEmpty ? "done" : figures.joined(separator: ", ") + place)
                    + (result.files.isEmpty ? "" : "; " + result.files.joined(separator: ", ")))
            return
        }
        try line { json in
            json.member("event", "end")
            json.member("seed", String(result.seed))
            json.key("figures")
            json.object { json in for (name, value) in result.named { json.member(name, value) } }
            json.member("epoch", result.figures?.epoch)
            json.member("step", result.figures?.step)
            json.member("files", result.files)
        }
    }

    /// Tells mean and spread over the seeds.
    func end(_ results: [SeedResult], metric: RunSettings.Metric) throws {
        let spreads = SeedSpread.of(results)
        guard asLines else {
            for spread in spreads {
                try say(
                    "\(spread.name) over \(spread.count) seeds: mean \(Self.rounded(spread.mean)), standard deviation "
                        + "\(Self.rounded(spread.deviation)), from \(Self.rounded(spread.least)) to "
                        + Self.rounded(spread.greatest))
            }
            return
        }
        try line { json in
            json.member("event", "seeds")
            json.member("seeds", results.count)
            json.member("metric", metric.rawValue)
            for spread in spreads {
                json.key(spread.name)
                json.object { json in
                    json.member("mean", spread.mean)
                    json.member("standard_deviation", spread.deviation)
                    json.member("min", spread.least)
                    json.member("max", spread.greatest)
                }
            }
        }
    }

    private func line(_ body: (inout JSONWriter) -> Void) throws {
        try Terminal.print(JSONWriter.document { json in json.object(body) }, asJSON: true)
    }

    private func say(_ text: String) throws {
        bar.clear()
        try Terminal.print(Array(text.utf8))
    }

    private static func rounded(_ value: Double) -> String { ReportText.fixed(value, 4) }
}
