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
    /// The model's family and settings.
    let kind: ModelKind
    let notes: [String]
}

extension EvalInput {
    /// The videos with their scores, read or made.
    func scored(by engine: EvalEngine) throws -> EvalScored {
        if let logits { return try read(logits, threads: engine.threads) }
        guard let features else { throw Failure(.usage, "expected --logits or --features") }
        let model = try engine.load()
        if engine.model == nil {
            Terminal.note(
                "note: without --model it is the embedded demo model '\(model.info.name)' that scores: it takes rows "
                    + "\(model.configuration.width) wide and knows made-up scenes alone")
        }
        let asked = try labels.map { try ScoreOptions.labels(in: $0) }
        let classes = try model.classes(for: asked)
        let loaded = try testSet(classes: classes.labels)
        let audit = FeatureAudit(
            loaded.set.list, classes: loaded.set.videos.map(\.labels), spelling: try spelling(nil, classes.labels),
            in: try FeatureFolder(path: features), width: model.configuration.width, for: .testing)
        tell(loaded.set)
        try audit.check()
        let warnings = Mutex((count: 0, first: ""))
        let videos = try loaded.set.evaluated(
            by: model, classes: classes, files: audit.files.compactMap { $0 }, threads: engine.threads
        ) { file, report in
            guard let warning = report.warnings.first else { return }
            let text = "\(file): \(warning)"
            // The first by name, whichever thread comes first.
            warnings.withLock { $0 = ($0.count + 1, $0.count == 0 || text < $0.first ? text : $0.first) }
        }
        return EvalScored(
            set: loaded.set, videos: videos, dataset: loaded.dataset,
            source: "model \(model.info.name), SHA-256 \(model.info.sha256)\(Self.told(engine.compute))",
            framesPerSecond: loaded.framesPerSecond,
            normalTruth: loaded.normalTruth, kind: model.configuration.kind,
            notes: loaded.notes + Self.note(of: warnings.withLock { $0 }) + caution(model))
    }

    private func read(_ logits: String, threads: Int) throws -> EvalScored {
        let preset = try knownPreset
        let kind = try preset?.kind ?? .vadCLIP
        let loaded = try testSet(classes: preset?.labels)
        tell(loaded.set)
        let look = Mutex(LogitsLook())
        let videos = try loaded.set.evaluated(
            logits: FeatureFolder(path: logits), kind: kind, threads: threads
        ) { logits in
            look.withLock { $0.see(logits) }
        }
        return EvalScored(
            set: loaded.set, videos: videos, dataset: loaded.dataset, source: "logits in \(logits)",
            framesPerSecond: loaded.framesPerSecond, normalTruth: loaded.normalTruth, kind: kind,
            notes: loaded.notes + look.withLock { $0.doubts })
    }

    private static func told(_ compute: Compute) -> String {
        compute == .float32 ? "" : ", computed in \(compute.rawValue)"
    }

    /// What the list holds, said before anything runs.
    private func tell(_ set: TestSet) { Terminal.note(set.summary.text) }

    private func caution(_ model: Model) -> [String] {
        model.info.caution.map { ["model '\(model.info.name)': \($0)"] } ?? []
    }

    private static func note(of warnings: (count: Int, first: String)) -> [String] {
        guard warnings.count > 0 else { return [] }
        return [warnings.first + (warnings.count > 1 ? "; and \(warnings.count - 1) more like it" : "")]
    }
}
