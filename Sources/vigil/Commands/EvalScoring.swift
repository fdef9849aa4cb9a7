import Datasets
import Evaluation
import Platform
import Scoring
import Synchronization
import Tensors
import VadCLIP

/// A test list with its scores.
struct EvalScored {
    let set: TestSet
    let videos: [EvaluatedVideo]
    let dataset: String
    let source: String
    let framesPerSecond: Double
    let normalTruth: Bool
    let notes: [String]
}

extension EvalInput {
    /// The videos with their scores, read or made.
    func scored() throws -> EvalScored {
        if let logits { return try read(logits) }
        guard let features else { throw Failure(.usage, "expected --logits or --features") }
        let model = try ModelSource.load(path: model, kernels: Kernels.choose(kernels))
        let asked = try labels.map { try ScoreOptions.labels(in: $0) }
        let classes = try model.classes(for: asked)
        let loaded = try testSet(classes: classes.labels)
        try loaded.set.checkOnce()
        let folder = try FeatureFolder(path: features)
        let audit = FeatureAudit(
            loaded.set.list, classes: loaded.set.videos.map(\.labels), spelling: try spelling(nil, classes.labels),
            in: folder, width: model.configuration.width, for: .testing)
        tell(loaded.set)
        try audit.check()
        let warnings = Mutex((count: 0, first: ""))
        let videos = try loaded.set.evaluated(
            by: model, classes: classes, features: folder, threads: threads
        ) { file, report in
            guard let warning = report.warnings.first else { return }
            let text = "\(file): \(warning)"
            // The first by name, whichever thread comes first.
            warnings.withLock { $0 = ($0.count + 1, $0.count == 0 || text < $0.first ? text : $0.first) }
        }
        return EvalScored(
            set: loaded.set, videos: videos, dataset: loaded.dataset,
            source: "model \(model.info.name), SHA-256 \(model.info.sha256)", framesPerSecond: loaded.framesPerSecond,
            normalTruth: loaded.normalTruth,
            notes: loaded.set.notes + audit.findings.map(\.description) + Self.note(of: warnings.withLock { $0 })
                + caution(model))
    }

    private func read(_ logits: String) throws -> EvalScored {
        let loaded = try testSet(classes: nil)
        try loaded.set.checkOnce()
        tell(loaded.set)
        let videos = try loaded.set.evaluated(logits: FeatureFolder(path: logits), threads: threads)
        return EvalScored(
            set: loaded.set, videos: videos, dataset: loaded.dataset, source: "logits in \(logits)",
            framesPerSecond: loaded.framesPerSecond, normalTruth: loaded.normalTruth, notes: loaded.set.notes)
    }

    /// What the list holds, said before anything runs.
    private func tell(_ set: TestSet) { Terminal.note(set.summary.text) }

    private func caution(_ model: Model) -> [String] {
        model.info.caution.map { ["model '\(model.info.name)': \($0)"] } ?? []
    }

    private static func note(of warnings: (count: Int, first: String)) -> [String] {
        guard warnings.count > 0 else { return [] }
        return [warnings.first + (warnings.count > 1 ? "; and \(warnings.count - 1) more files are doubtful" : "")]
    }
}

/// `vigil eval --check`: a list, its annotations and features, looked at and told.
struct EvalCheck {
    let input: EvalInput
    let isTraining: Bool

    func run() throws {
        let model = try input.model.map {
            try ModelSource.load(path: $0, kernels: Kernels.choose(input.kernels)).configuration
        }
        var lines: [String] = []
        let (list, spelling) = try list(model?.labels)
        let classes = try list.classes(spelling)
        lines.append("\(list.path): \(ListSummary(list, classes: classes, spelling: spelling).text)")
        if !isTraining, input.annotations != nil || input.data != nil {
            let set = try input.testSet(classes: spelling.classes).set
            let intervals = set.videos.reduce(0) { $0 + $1.intervals.count }
            lines.append("\(intervals) annotated intervals")
            lines += set.notes
        }
        var failure: DatasetError?
        if let features = input.features {
            let audit = FeatureAudit(
                list, classes: classes, spelling: spelling, in: try FeatureFolder(path: features), width: model?.width,
                for: isTraining ? .training : .testing, isThorough: true)
            let snippets = audit.snippets.compactMap { $0 }
            lines.append("\(snippets.count) feature files with \(snippets.reduce(0, +)) snippets in \(features)")
            lines += audit.findings.map { ($0.error == nil ? "note: " : "error: ") + $0.description }
            do throws(DatasetError) { try audit.check() } catch { failure = error }
        }
        try Terminal.print(Array(lines.joined(separator: "\n").utf8))
        if let failure { throw failure }
    }

    /// The list and the spelling of its labels; of a list of one's own without classes, those that it names.
    private func list(_ classes: [String]?) throws -> (VideoList, LabelSpelling) {
        if let list = input.list, input.dataset == nil, input.labels == nil, classes == nil {
            let own = try VideoList(path: list)
            return (own, try LabelSpelling.own(of: [own]))
        }
        let benchmark = input.dataset.flatMap(Benchmark.named) ?? classes.flatMap(Benchmark.matching)
        let spelling = try input.spelling(benchmark, classes)
        if let list = input.list { return (try VideoList(path: list), spelling) }
        guard let benchmark, let data = input.data else {
            throw Failure(.usage, "expected --list, or --dataset with --data")
        }
        let names = isTraining ? benchmark.trainingLists : benchmark.testLists
        return (try VideoList(path: Benchmark.file(names, in: data)), spelling)
    }
}
