import ArgumentParser
import Platform
import Scoring
import Training
import VadCLIP

/// The values of a training's recipe; each has the preset's where it is not given.
struct RecipeOptions: ParsableArguments {
    @Option(help: "A published recipe: ucf-crime or xd-violence. (default: one to begin with for your own classes)")
    var preset: String?
    @Option(help: "AdamW's rate at the start. (default: the preset's; 1e-4)")
    var rate: Double?
    @Option(
        help: """
            Epochs after which the rate is multiplied by gamma, separated by commas; none for none. (default: the preset's; \
            20,26)
            """)
    var milestones: String?
    @Option(help: "What the rate is multiplied by. (default: 0.1)")
    var gamma: Double?
    @Option(help: "Times that the list is gone through. (default: the preset's 10; 30)")
    var epochs: Int?
    @Option(
        help: """
            Rows of a batch; of normal and of abnormal ones each where they are paired. (default: the preset's; 16)
            """)
    var batch: Int?
    @Option(
        help: """
            paired: a step takes a batch of normal and one of abnormal rows; shuffled: batches of all rows. (default: the \
            preset's; shuffled)
            """)
    var batching: RunSettings.Batching?
    @Option(help: "What the contrast loss counts. (default: the preset's; 0.1)")
    var contrastWeight: Float?
    @Option(help: "AdamW's weight decay. (default: 0.01)")
    var weightDecay: Float?
    @Option(help: "AdamW's decay rate of the gradients' means. (default: 0.9)")
    var beta1: Float?
    @Option(help: "AdamW's decay rate of their squares' means. (default: 0.999)")
    var beta2: Float?
    @Option(help: "What AdamW adds to the root. (default: 1e-8)")
    var epsilon: Float?
    @Option(help: "Layers of the local module. (default: the preset's; 2)")
    var layers: Int?
    @Option(help: "Snippets of an attention window. (default: the preset's; 8)")
    var window: Int?
    @Option(help: "Snippets that the model sees at once. (default: 256)")
    var length: Int?
    @Option(help: "Learned positions before a label's words. (default: 10)")
    var prefix: Int?
    @Option(help: "Learned positions behind them. (default: 10)")
    var postfix: Int?
    @Option(help: "Seed of the weights at the start and of the shuffling.")
    var seed: UInt64 = 234
    @Option(
        help: """
            Samples of an epoch from one validation to the next; 0 for the end of each epoch. (default: the preset's; 0)
            """)
    var validateEvery: Int?
    @Flag(inversion: .prefixedNo, help: "Each epoch begins with the best weights so far. (default: with a preset)")
    var returnToBest: Bool?
    @Option(
        help: """
            What makes weights the best: auc_coarse, ap_coarse, auc_fine, ap_fine, map_average, or auc_video, which needs no \
            annotated frames. (default: the preset's; auc_coarse, and auc_video without --annotations)
            """)
    var metric: RunSettings.Metric?
    @Option(
        help:
            "The weights that are written at the end: best or last. (default: best, and last where nothing is validated)"
    )
    var keep: RunSettings.Kept?
    @Option(
        help: """
            Parts to leave out, separated by commas, to see what they are worth: local, global, or one of global's graphs, \
            similarity or distance; learnable-prompt, visual-prompt, prompt-attention, a-branch. No model file is written then.
            """)
    var without: String?

    /// The preset's name, checked.
    func benchmark() throws(Failure) -> String? {
        guard let preset else { return nil }
        let presets = ModelFamily.vadCLIP.presets
        guard let known = Preset.named(preset), presets.contains(known) else {
            throw Failure(
                .usage, "--preset '\(preset)': expected \(presets.map(\.name).joined(separator: " or "))")
        }
        return known.name
    }

    /// Throws at values that no width makes right: CLIP's file, which says it, is large.
    func check(labels: [String]) throws {
        try settings(labels: labels, width: 512, metric: nil).validate()
    }

    /// The settings for these labels.
    ///
    /// - Parameters:
    ///   - labels: the classes, the normal one first
    ///   - width: d of the features
    ///   - metric: what makes weights the best where nothing else is said
    func settings(labels: [String], width: Int, metric usual: RunSettings.Metric?) throws -> RunSettings {
        var settings: RunSettings =
            switch preset {
            case "ucf-crime": .ucfCrime
            case "xd-violence": .xdViolence
            default: .own(labels: labels)
            }
        settings.training.model.labels = labels
        settings.training.model.width = width
        settings.seed = seed
        if let usual { settings.metric = usual }
        func set<Value>(_ path: WritableKeyPath<RunSettings, Value>, _ value: Value?) {
            if let value { settings[keyPath: path] = value }
        }
        set(\.learningRate, rate)
        set(\.milestones, try milestones.map(Self.milestones))
        set(\.gamma, gamma)
        set(\.epochs, epochs)
        set(\.batch, batch)
        set(\.batching, batching)
        set(\.training.contrastWeight, contrastWeight)
        set(\.training.optimizer.weightDecay, weightDecay)
        set(\.training.optimizer.firstDecay, beta1)
        set(\.training.optimizer.secondDecay, beta2)
        set(\.training.optimizer.epsilon, epsilon)
        set(\.training.model.layers, layers)
        set(\.training.model.window, window)
        set(\.training.model.length, length)
        set(\.training.prefix, prefix)
        set(\.training.postfix, postfix)
        set(\.validateEvery, validateEvery)
        set(\.returnsToBest, returnToBest)
        set(\.metric, metric)
        set(\.kept, keep)
        set(\.training.without, try without.map(Self.ablations))
        return settings
    }

    private static func milestones(_ text: String) throws -> [Int] {
        guard text != "none" else { return [] }
        let numbers = text.pieces(between: ASCII.comma).map { Int($0) }
        guard !numbers.contains(nil) else {
            throw Failure(.usage, "--milestones '\(text.prefix(60))': expected numbers of epochs, as 4,8, or none")
        }
        return numbers.compactMap { $0 }
    }

    static func ablations(_ text: String) throws -> Set<Ablation> {
        var found: Set<Ablation> = []
        for word in text.pieces(between: ASCII.comma).map({ String($0) }) {
            guard let part = Ablation(rawValue: word) else {
                let known = Ablation.allCases.map(\.rawValue)
                throw Failure(
                    .usage,
                    "--without '\(word.prefix(40))': "
                        + (Spelling.nearest(to: word, among: known).map { "did you mean '\($0)'?" }
                            ?? "expected some of \(known.joined(separator: ", "))"))
            }
            found.insert(part)
        }
        return found
    }
}

extension RunSettings.Batching: ExpressibleByArgument {}
extension RunSettings.Metric: ExpressibleByArgument {}
extension RunSettings.Kept: ExpressibleByArgument {}
