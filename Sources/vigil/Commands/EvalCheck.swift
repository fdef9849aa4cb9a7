import Datasets
import Evaluation
import Platform
import Scoring
import VadCLIP

/// `vigil eval --check`: a list, its annotations, and features or logits, looked at; all that is wrong with them is told.
struct EvalCheck {
    let input: EvalInput
    let engine: EvalEngine
    let isTraining: Bool
    let asJSON: Bool

    func run() throws {
        let model = try engine.model == nil ? nil : engine.load()
        let asked = try input.labels.map { try ScoreOptions.labels(in: $0) }
        try model?.check(labels: asked)
        let classes = try asked ?? model?.configuration.labels ?? input.knownPreset?.labels
        let benchmark = try input.benchmark(classes)
        guard let path = try input.listPath(benchmark, isTraining: isTraining) else {
            throw Failure(.usage, "expected --list, or --dataset with --data")
        }
        var report = EvalCheckReport(list: path)
        let spelling = try look(at: path, benchmark, classes, width: model?.configuration.width, &report)
        if spelling == nil, !isTraining, let annotations = try input.annotationsPath(benchmark) {
            report.findings.append(Finding(doubt: "\(annotations) is not looked at: its classes are not known"))
        }
        try Terminal.print(asJSON ? report.json : Array(report.text.utf8), asJSON: asJSON)
        try report.findings.check()
    }

    /// Looks at all of it; the spelling of the labels, where it is known.
    private func look(
        at path: String, _ benchmark: Benchmark?, _ classes: [String]?, width: Int?, _ report: inout EvalCheckReport
    ) throws -> LabelSpelling? {
        let list = report.take { () throws(DatasetError) in
            let list = try VideoList(path: path)
            return if let crop = input.crop { try list.only(crop: crop) } else { list }
        }
        let isOwn = benchmark == nil && classes == nil && input.logits == nil
        let spelling =
            isOwn
            ? list.flatMap { list in report.take { () throws(DatasetError) in try LabelSpelling.own(of: [list]) } }
            : try input.spelling(benchmark, classes)
        guard let spelling else { return nil }
        var intervals: Annotations?
        if !isTraining, let path = try input.annotationsPath(benchmark) {
            intervals = report.take { () throws(DatasetError) in
                try input.truth.read(path, spelling, rate: benchmark?.framesPerSecond)
            }
        }
        guard let list else { return spelling }
        let (labels, fault) = list.labelled(spelling)
        if let fault { report.findings.append(Finding(fault)) }
        let summary = ListSummary(list, classes: labels, spelling: spelling)
        report.summary = summary
        if isOwn, !isTraining { report.findings += summary.misspelt.map { Finding(doubt: $0) } }
        let snippets = lengths(of: list, labels, summary, spelling, width: width, &report)
        guard let intervals else { return spelling }
        report.findings += input.ignored(intervals).map { Finding(doubt: $0) }
        guard fault == nil else { return spelling }
        let set = try TestSet(list, annotations: intervals, spelling: spelling)
        report.intervals = set.videos.reduce(0) { $0 + $1.intervals.count }
        report.findings += set.notes.map { Finding(doubt: $0) }
        if let snippets { report.findings += set.doubts(snippets: snippets) }
        return spelling
    }

    /// Looks at the list itself, and at the files of features or logits: the snippets of each row, where they are named.
    private func lengths(
        of list: VideoList, _ labels: [[Int]], _ summary: ListSummary, _ spelling: LabelSpelling, width: Int?,
        _ report: inout EvalCheckReport
    ) -> [Int?]? {
        let purpose = isTraining ? ListPurpose.training : .testing
        let place = input.features ?? input.logits
        let folder = place.flatMap { place in
            report.take { () throws(DatasetError) in try FeatureFolder(path: place) }
        }
        guard let folder else {
            report.findings += list.findings(classes: labels, summary, for: purpose)
            return nil
        }
        let (findings, snippets): ([Finding], [Int?])
        if input.features != nil {
            let audit = FeatureAudit(
                list, classes: labels, spelling: spelling, in: folder, width: width, for: purpose, isThorough: true)
            (findings, snippets) = (audit.findings, audit.snippets)
        } else {
            let audit = list.audit(logits: folder, classes: spelling.classes.count)
            (findings, snippets) = (
                list.findings(classes: labels, summary, for: purpose) + audit.findings, audit.snippets
            )
        }
        report.findings += findings
        report.files = EvalCheckReport.Files(
            kind: input.features != nil ? "feature" : "logits", folder: folder.path,
            count: snippets.count { $0 != nil },
            snippets: snippets.reduce(0) { $0 + ($1 ?? 0) })
        return snippets
    }
}
