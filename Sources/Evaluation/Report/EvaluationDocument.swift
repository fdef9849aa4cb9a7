import Datasets
import JSON
public import VadCLIP

/// An evaluation with all that was asked beside it, as JSON.
public struct EvaluationDocument: Sendable {
    /// The evaluation.
    public let evaluation: Evaluation
    /// The thresholds that are proposed.
    public let thresholds: Thresholds
    /// The figures' confidence, where it was asked for.
    public let bootstrap: Bootstrap?
    /// The dataset's name.
    public let dataset: String
    /// Where the scores come from: a model's name and digest, or a folder of logits.
    public let source: String
    /// The family and settings of the model whose scores they are.
    public let kind: ModelKind
    /// What is doubtful.
    public let notes: [String]

    /// Joins them.
    public init(
        _ evaluation: Evaluation, thresholds: Thresholds, bootstrap: Bootstrap?, dataset: String, source: String,
        kind: ModelKind = .vadCLIP, notes: [String]
    ) {
        self.evaluation = evaluation
        self.thresholds = thresholds
        self.bootstrap = bootstrap
        self.dataset = dataset
        self.source = source
        self.kind = kind
        self.notes = notes
    }

    /// The figure that the model's authors tell first of this benchmark; nil of a list of one's own.
    public var headline: (name: String, value: Double?)? {
        guard let benchmark = Benchmark.named(dataset) else { return nil }
        let branch: Branch = kind.readout.headline(on: benchmark.name) == .coarse ? .coarse : .fine
        let figures = evaluation.frames(branch)
        return benchmark.isHeadedByAP
            ? ("ap_\(branch.rawValue)", figures.ap) : ("auc_\(branch.rawValue)", figures.auc)
    }

    /// The document, on one line. Figures that are not defined are null.
    public var json: [UInt8] {
        JSONWriter.document { writer in
            writer.object { writer in
                writer.member("dataset", dataset)
                writer.member("source", source)
                writer.member("family", kind.family.name)
                counts(&writer)
                figures(&writer)
                detection(&writer)
                confidence(&writer)
                thresholds(&writer)
                confusion(&writer)
                writer.member("notes", notes)
            }
        }
    }

    private func counts(_ writer: inout JSONWriter) {
        writer.member("videos", evaluation.videos.count)
        writer.member("abnormal_videos", evaluation.abnormalVideos)
        writer.member("snippets", evaluation.snippets)
        writer.member("frames", evaluation.snippets * EvaluatedVideo.snippet)
        writer.member("anomalous_frames", evaluation.anomalousFrames)
    }

    private func figures(_ writer: inout JSONWriter) {
        for branch in Branch.allCases {
            let figures = evaluation.frames(branch)
            writer.member("auc_\(branch.rawValue)", figures.auc)
            writer.member("ap_\(branch.rawValue)", figures.ap)
            writer.member("ano_auc_\(branch.rawValue)", figures.abnormalAUC)
            writer.member("ano_ap_\(branch.rawValue)", figures.abnormalAP)
        }
        writer.key("headline")
        if let headline {
            writer.object { writer in
                writer.member("figure", headline.name)
                writer.member("value", headline.value)
            }
        } else {
            writer.null()
        }
        Self.members(evaluation.map(.published), &writer)
    }

    private static func members(_ metrics: DetectionMetrics, _ writer: inout JSONWriter) {
        writer.key("map_at_iou")
        overlaps(metrics.atOverlap, &writer)
        writer.member("map_average", metrics.average)
        writer.member("map_is_void", metrics.isVoid)
    }

    private static func overlaps(_ values: [Double], _ writer: inout JSONWriter) {
        writer.object { writer in
            for (name, value) in zip(DetectionMetrics.thresholdNames, values) { writer.member(name, value) }
        }
    }

    private func detection(_ writer: inout JSONWriter) {
        writer.key("map_protocols")
        writer.object { writer in
            for kind in DetectionProtocol.allCases {
                writer.key(kind.rawValue)
                writer.object { Self.members(evaluation.map(kind), &$0) }
            }
        }
        writer.key("classes")
        writer.array(evaluation.detectionByClass) { writer, own in
            writer.object { writer in
                writer.member("label", own.label)
                writer.member("intervals", own.intervals)
                writer.member("proposals", own.proposals)
                writer.key("ap_at_iou")
                if let values = own.atOverlap { Self.overlaps(values, &writer) } else { writer.null() }
                writer.member("ap_average", own.average)
            }
        }
    }

    private func confidence(_ writer: inout JSONWriter) {
        guard let bootstrap else { return }
        writer.key("confidence")
        writer.object { writer in
            writer.member("level", 0.95)
            writer.member("draws", bootstrap.draws)
            writer.member("seed", Int(bootstrap.seed))
            for interval in bootstrap.intervals {
                writer.key(interval.name)
                writer.array([interval.low, interval.high]) { $0.number($1) }
            }
        }
    }

    private func thresholds(_ writer: inout JSONWriter) {
        writer.key("thresholds")
        writer.object { writer in
            writer.key("best_f1")
            if let best = thresholds.bestF1 {
                writer.object { writer in
                    writer.member("threshold", best.threshold)
                    writer.member("f1", best.f1)
                    writer.member("precision", best.precision)
                    writer.member("recall", best.recall)
                }
            } else {
                writer.null()
            }
            writer.key("false_alarms")
            if let bounded = thresholds.bounded {
                writer.object { writer in
                    writer.member("threshold", bounded.threshold)
                    writer.member("false_alarms_per_hour", bounded.falseAlarmsPerHour)
                    writer.member("events_found", bounded.found)
                }
            } else {
                writer.null()
            }
            writer.member("allowed_per_hour", thresholds.allowedPerHour)
            writer.member("events", thresholds.events)
            writer.member("hours", thresholds.hours)
            writer.member("fps", thresholds.framesPerSecond)
        }
    }

    private func confusion(_ writer: inout JSONWriter) {
        let confusion = Confusion(evaluation.videos, classes: evaluation.classes.count)
        writer.key("confusion")
        writer.object { writer in
            for (name, rows) in [("videos", confusion.videos), ("snippets", confusion.snippets)] {
                writer.key(name)
                writer.array(rows) { writer, row in writer.array(row) { $0.number($1) } }
            }
        }
    }
}
