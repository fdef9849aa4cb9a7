import ArgumentParser
import Datasets
import Platform
import Scoring
import Training
import VadCLIP

/// The lists, features and annotations of a training, found and looked at.
struct TrainInputs: ParsableArguments {
    @Option(help: "The folder with a published dataset's lists and annotations.")
    var data: String?
    @Option(help: "The training list: a CSV path,label, several labels of a video by ;. (default: the dataset's)")
    var list: String?
    @Option(help: "The folder of feature files, in which a list's are found whatever folders it names.")
    var features: String?
    @Option(
        help: "Class labels in order, separated by commas, the normal class first. (default: the preset's or list's)")
    var labels: String?
    @Option(help: "What weights are validated on: a list as the training list. (default: the dataset's test list)")
    var validationList: String?
    @Option(help: "The folder of its feature files. (default: --features)")
    var validationFeatures: String?
    @OptionGroup var truth: AnnotationOptions
    @Flag(help: "Validate nothing: the last weights are kept.")
    var noValidation = false
    @Flag(help: "Read the headers of the feature files alone before it begins, not all of them.")
    var skipCheck = false

    /// What was found.
    struct Found {
        let spelling: LabelSpelling
        let data: TrainingData
        let validation: RunValidation?
        /// What the validation list is.
        let validatedOn: String
        /// What makes weights the best where nothing else is said.
        let metric: RunSettings.Metric?
    }

    /// Reads and looks at all of it.
    ///
    /// - Parameter width: d of the features
    func find(preset: String?, width: Int) throws -> Found {
        if data != nil, preset == nil {
            throw Failure(.usage, "--data goes with --preset: a dataset's lists are known by its name")
        }
        try truth.check()
        guard let features else { throw Failure(.usage, "--features is missing: the folder of the feature files") }
        let benchmark = preset.flatMap { Benchmark.named($0) }
        let list = try VideoList(path: try trainingList(benchmark))
        let spelling = try spelling(benchmark, list)
        let folder = try FeatureFolder(path: features)
        let training = try TrainingData(list, spelling: spelling, in: folder, width: width, isThorough: !skipCheck)
        guard !noValidation, let tested = try validationList(benchmark) else {
            return Found(spelling: spelling, data: training, validation: nil, validatedOn: "nothing", metric: nil)
        }
        let intervals = try intervals(benchmark, spelling)
        let validation = try RunValidation(
            VideoList(path: tested), annotations: intervals, spelling: spelling,
            in: try validationFeatures.map { path in try FeatureFolder(path: path) } ?? folder, width: width,
            normalTruth: benchmark?.normalTruth ?? true, isThorough: !skipCheck)
        return Found(
            spelling: spelling, data: training, validation: validation,
            validatedOn: validationList == nil ? "the dataset's test list" : "a validation list",
            metric: intervals == nil ? .aucVideo : nil)
    }

    private func trainingList(_ benchmark: Benchmark?) throws -> String {
        if let list { return list }
        guard let benchmark, let data else {
            throw Failure(
                .usage,
                "--list is missing: the training list, a CSV path,label; or --preset and --data, a dataset's folder")
        }
        return try Benchmark.file(benchmark.trainingLists, in: data)
    }

    private func validationList(_ benchmark: Benchmark?) throws -> String? {
        if let validationList { return validationList }
        guard let benchmark, let data else { return nil }
        return try Benchmark.file(benchmark.testLists, in: data)
    }

    private func intervals(_ benchmark: Benchmark?, _ spelling: LabelSpelling) throws -> Annotations? {
        var path = truth.annotations
        if path == nil, validationList == nil, let benchmark, let data {
            path = try Benchmark.file(benchmark.annotations, in: data)
        }
        return try path.map { try truth.read($0, spelling, rate: benchmark?.framesPerSecond) }
    }

    private func spelling(_ benchmark: Benchmark?, _ list: VideoList) throws -> LabelSpelling {
        if let labels {
            let names = try ScoreOptions.labels(in: labels)
            guard names.count > 1 else {
                throw Failure(
                    .usage, "--labels '\(labels)': expected two or more, the normal class first, as normal,fall")
            }
            return LabelSpelling.matching(names)
        }
        return try benchmark?.spelling ?? LabelSpelling.own(of: [list])
    }
}
