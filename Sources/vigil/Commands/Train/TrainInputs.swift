import ArgumentParser
import Datasets
import Platform
import Scoring
import Training
import VadCLIP

/// The lists, features and annotations of a training, found and looked at.
struct TrainInputs: ParsableArguments {
    @Option(help: "The folder with a published dataset's lists and annotations; needs --preset.")
    var data: String?
    @Option(help: "The training list: a CSV path,label, several labels of a video by ;. (default: the dataset's)")
    var list: String?
    @Option(help: "The folder of .npy feature files, in which a list's are found whatever folders it names.")
    var features: String?
    @Option(
        help: """
            Class labels in order, separated by commas, the normal class first. (default: the preset's; else the list's, \
            normal and then by the alphabet)
            """)
    var labels: String?
    @Option(
        help: """
            What weights are validated on: a list as the training list. (default: with --data the dataset's test list, else \
            none)
            """)
    var validationList: String?
    @Option(help: "The folder of its feature files. (default: --features)")
    var validationFeatures: String?
    @OptionGroup var truth: AnnotationOptions
    @Flag(help: "Validate nothing: the last weights are kept.")
    var noValidation = false
    @Flag(help: "Read the headers of the feature files alone before it begins, not all of them.")
    var skipCheck = false

    /// The lists, without their features.
    struct Lists {
        let spelling: LabelSpelling
        let training: VideoList
        let folder: FeatureFolder
        /// What weights are validated on: its list, features and annotations.
        let validation: (list: VideoList, folder: FeatureFolder, truth: Annotations?)?
        /// What the validation list is.
        let validatedOn: String
        /// What makes weights the best where nothing else is said.
        var metric: RunSettings.Metric? { validation.flatMap { $0.truth == nil ? .aucVideo : nil } }
        /// Whether annotated frames are validated on; nil where nothing is.
        var validatesFrames: Bool? { validation.map { $0.truth != nil } }
        fileprivate let normalTruth: Bool
    }

    /// Reads the lists and annotations.
    func lists(preset: String?) throws -> Lists {
        if data != nil, preset == nil {
            throw Failure(.usage, "--data goes with --preset: a dataset's lists are known by its name")
        }
        try truth.check()
        guard let features else { throw Failure(.usage, "--features is missing: the folder of the feature files") }
        let benchmark = preset.flatMap { Benchmark.named($0) }
        let list = try VideoList(path: try trainingList(benchmark))
        let spelling = try spelling(benchmark, list)
        let folder = try FeatureFolder(path: features)
        var validation: (VideoList, FeatureFolder, Annotations?)?
        if !noValidation, let tested = try validationList(benchmark) {
            validation = (
                try VideoList(path: tested),
                try validationFeatures.map { path in try FeatureFolder(path: path) } ?? folder,
                try intervals(benchmark, spelling)
            )
        }
        let isOwn = validationList != nil
        return Lists(
            spelling: spelling, training: list, folder: folder, validation: validation,
            validatedOn: validation == nil
                ? "nothing" : isOwn ? "a validation list" : "the dataset's test list",
            normalTruth: benchmark?.normalTruth ?? true)
    }

    /// Looks at the features of both lists; throws all that is wrong with either.
    ///
    /// - Parameter width: d of the features
    func look(at lists: Lists, width: Int) throws -> (data: TrainingData, validation: RunValidation?) {
        try DataFaults.ofBoth {
            try TrainingData(
                lists.training, spelling: lists.spelling, in: lists.folder, width: width, isThorough: !skipCheck)
        } _: {
            try lists.validation.map { validation in
                try RunValidation(
                    validation.list, annotations: validation.truth, spelling: lists.spelling, in: validation.folder,
                    width: width, normalTruth: lists.normalTruth, isThorough: !skipCheck)
            }
        }
    }

    /// What was given and has no effect, a sentence each.
    ///
    /// - Parameter metric: whether one was given
    func idle(in lists: Lists, metric: Bool) -> [String] {
        func told(_ options: [(String, Bool)], _ why: String) -> [String] {
            let names = options.filter(\.1).map(\.0)
            return names.isEmpty ? [] : ["\(names.joined(separator: ", ")) without effect: \(why)"]
        }
        guard let validation = lists.validation else {
            return told(
                [
                    ("--validation-list", validationList != nil), ("--validation-features", validationFeatures != nil),
                    ("--annotations", truth.annotations != nil), ("--fps", truth.fps != nil),
                    ("--seconds", truth.seconds),
                    ("--metric", metric),
                ], "nothing is validated")
        }
        return validation.truth != nil
            ? [] : told([("--fps", truth.fps != nil), ("--seconds", truth.seconds)], "there are no annotations")
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
