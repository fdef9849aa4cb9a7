import Datasets
import JSON
import Platform
import Tensors
import VadCLIP

/// Runs exactly the steps of a plan, and says what each came to: what one compares with PyTorch.
public struct ReplayRun {
    private let plan: ReplayPlan
    private let trainer: Trainer
    private var reports: [StepReport] = []

    /// Begins at the weights of `checkpoint`, which has CLIP's text tower inside.
    ///
    /// - Parameters:
    ///   - plan: the steps
    ///   - checkpoint: the weights to begin at
    ///   - window: snippets of an attention window; as the published model of so many layers has it where there is none
    ///   - vocabulary: text of CLIP's vocabulary file, for labels that are none of the published ones
    ///   - prompt: learned positions before and behind a label's words
    ///   - without: parts that are left out
    ///   - kernels: those that compute
    ///   - threads: those that compute
    public init(
        plan: ReplayPlan, checkpoint: CheckpointSource, window: Int? = nil, vocabulary: String? = nil,
        prompt: (prefix: Int, postfix: Int) = (10, 10), without: Set<Ablation> = [], kernels: Kernels, threads: Int
    ) throws {
        self.plan = plan
        try checkpoint.checkIsVadCLIP()
        guard let size = checkpoint.size else {
            throw ModelError.notAModel("\(checkpoint.file.path) holds no VadCLIP weights: expected a whole checkpoint")
        }
        guard let window = window ?? Preset.matching(layers: size.layers)?.window else {
            throw ModelError.badSetting(
                name: "number of layers", value: String(size.layers),
                expected: "2 (UCF-Crime) or 1 (XD-Violence), or --window for another model",
                file: checkpoint.file.path)
        }
        var settings = TrainingSettings(
            model: ModelConfiguration(
                width: size.width, length: size.length, layers: size.layers, window: window, labels: plan.labels))
        try settings.model.validate()
        (settings.prefix, settings.postfix) = prompt
        settings.contrastWeight = plan.contrastWeight
        settings.optimizer.weightDecay = plan.weightDecay
        settings.without = without
        try settings.checkParts()
        try checkpoint.check(prefix: prompt.prefix, postfix: prompt.postfix)
        let tower = try checkpoint.textTower(width: size.width, prefix: prompt.prefix, postfix: prompt.postfix)
        let layout = ParameterLayout(settings.model, context: tower.context, textWidth: tower.width)
        trainer = try Trainer(
            settings: settings, parameters: Parameters(layout: layout, from: checkpoint), clip: checkpoint,
            tower: tower,
            tokens: try LabelTokens.of(plan.labels, vocabulary: vocabulary, tower: tower),
            words: try LabelTokens.handWrittenPrompt(vocabulary: vocabulary), kernels: kernels, threads: threads)
        for video in plan.steps.joined() where access(video.path, R_OK) != 0 {
            throw ReplayError.unreadable("\(video.path) can't be read: \(String(cString: strerror(errno)))")
        }
    }

    /// Whether a step is left.
    public var isOver: Bool { reports.count == plan.steps.count }

    /// Makes the next step; its features are read now, and let go again.
    public mutating func advance() throws {
        let videos = plan.steps[reports.count]
        var samples: [Sample] = []
        for video in videos {
            let model = trainer.settings.model
            let features = try FeatureFile.features(video.path, width: model.width).features
            samples.append(
                Sample(features: features, classes: video.classes, model: model, source: video.path))
        }
        reports.append(try trainer.step(samples, learningRate: plan.learningRate, norms: true))
    }

    /// The last step's report.
    public var last: StepReport? { reports.last }

    /// The weights as they are now.
    public var parameters: Parameters { trainer.parameters }

    /// What all steps came to, and the norms of the weights as they are now.
    public var json: [UInt8] {
        let (reports, norms) = (reports, trainer.parameters.norms)
        return JSONWriter.document { json in
            json.object { json in
                json.key("steps")
                json.array(reports) { $0.report($1) }
                json.key("weight_norm_after")
                json.norms(norms)
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func report(_ report: StepReport) {
        object { json in
            json.member("loss_coarse", report.lossCoarse)
            json.member("loss_mil_align", report.lossMILAlign)
            json.member("loss_contrast", report.lossContrast)
            json.member("loss", report.loss)
            json.key("grad_norm")
            json.norms(report.gradientNorms)
        }
    }

    fileprivate mutating func norms(_ norms: [(name: String, norm: Float)]) {
        object { json in for (name, norm) in norms { json.member(name, norm) } }
    }
}
