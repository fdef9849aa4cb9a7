import CLIP
import Formats
import Platform
import Tensors

/// Turns a checkpoint into a model file: computes the labels' text features, records the self-test, and drops the rest.
///
/// Weights are read tensor by tensor from the mapped checkpoint, the text tower block by block, so that importing
/// 650 MB takes little memory.
public struct ModelImporter {
    private let checkpoint: PlainWeights
    private let choice: [String]
    private let source: MappedFile
    private let options: ImportOptions
    /// The reference kernels: a self-test recorded by them checks all the others.
    private let reference = Kernels.portable
    private static let prompt = (prefix: 10, postfix: 10)

    /// Opens a checkpoint; throws `CheckpointError`, `SafetensorsError` or `ModelError`.
    public init(checkpoint file: MappedFile, options: ImportOptions) throws {
        source = file
        self.options = options
        var taken = ""
        var others: [String] = []
        let named: any NamedWeights
        if FileKind.detect(file) == .safetensors {
            let tensors: SafetensorsFile
            do {
                tensors = try SafetensorsFile(file: file)
            } catch {
                throw ModelError.notAModel("\(file.path): \(error.description)")
            }
            guard !ModelFile.isModel(tensors) else {
                throw ModelError.notAModel(
                    "\(file.path) is a model file already, made by vigil import: name it by --model, or import the "
                        + "checkpoint that it was made of")
            }
            named = SafetensorsCheckpoint(file: tensors)
        } else {
            let checkpoint = try TorchCheckpoint(
                file: file, mark: ModelFile.Name.positions, container: options.weightsFrom)
            named = CheckpointWeights(checkpoint: checkpoint)
            (taken, others) = (checkpoint.container, checkpoint.otherContainers)
        }
        let inside = taken == options.weightsFrom ? nil : options.weightsFrom
        let weights = try PlainWeights(named, asked: inside)
        checkpoint = weights
        if let inside, weights.prefix != inside {
            let known = ([taken, weights.prefix] + others + weights.others).filter { !$0.isEmpty }
            throw ModelError.notAModel(
                "\(file.path) has no weights under '\(inside.prefix(60))': "
                    + (known.isEmpty
                        ? "it has one set of weights" : "it has \(known.prefix(8).joined(separator: ", "))"))
        }
        choice = Self.choice(taken, others) + Self.choice(weights.prefix, weights.others)
    }

    /// What is said where other weights lie beside those that are taken.
    private static func choice(_ taken: String, _ others: [String]) -> [String] {
        func name(_ key: String) -> String { key.isEmpty ? "the file itself" : "'\(key)'" }
        guard !others.isEmpty else { return [] }
        return [
            "the weights of \(name(taken)) are taken, and others lie beside them: "
                + others.prefix(8).map(name).joined(separator: ", ")
                + "; --weights-from \(others.first { !$0.isEmpty } ?? taken) takes those"
        ]
    }

    /// Writes the model file; nothing is left at `path` where this throws.
    public func write(to path: String) throws -> ImportSummary {
        try run(checkpoint, to: path)
    }

    private func run(_ weights: some NamedWeights, to path: String) throws -> ImportSummary {
        var notes = choice
        if weights.names.contains("n_averaged") {
            notes.append("the weights are averages over the training: n_averaged is beside them")
        }
        let configuration = try configuration(of: weights, notes: &notes)
        for name in [TextTower.Names.tokens, TextTower.Names.positions, TextTower.Names.projection] {
            try Self.require(name, of: weights)
        }
        let tower = try CheckpointShapes.textTower(
            of: weights, names: weights.names, width: configuration.width, prefix: Self.prompt.prefix,
            postfix: Self.prompt.postfix)
        if options.keepTextTower, options.vocabulary == nil {
            throw ModelError.badLabels(
                "--keep-text-tower needs CLIP's vocabulary by --vocab: \(ImportOptions.vocabularySource)")
        }
        let tokens = try tokens(of: configuration.labels, most: tower.mostTokens)
        let text: Matrix
        do {
            text = try TextTower(
                from: weights, configuration: tower, streaming: true, kernels: .available[0]
            ).features(of: tokens)
        } catch let error as WeightError {
            throw ModelError.badWeights(error)
        } catch let error as TextTowerError {
            throw ModelError.badLabels("the text tower can't encode the labels: \(error)")
        }
        guard text.firstNotFinite == nil else { throw Self.notFinite("text features") }
        let info = ModelInfo(
            name: options.name ?? preset(layers: configuration.layers)?.name ?? "vadclip", trained: options.trained,
            digest: FileDigest(known: ""), sourceSHA256: FileDigest(of: source).value,
            parameters: Network.tensors(of: configuration).reduce(0) { $0 + $1.shape.reduce(1, *) })
        let plan = ModelFilePlan(
            info: info, configuration: configuration,
            classes: try ClassFeatures(labels: configuration.labels, features: text), tower: tower,
            vocabulary: options.keepTextTower ? options.vocabulary : nil, prompt: Self.prompt,
            precision: options.precision)
        let kept = RoundedWeights(base: weights, precision: options.precision)
        let test = SelfTest(recording: try plan.model(of: kept, in: Preparation(kernels: reference)))
        guard test.logits.firstNotFinite == nil else { throw Self.notFinite("logits of the self-test") }
        var difference: Float?
        if options.precision != .float32 {
            difference = try test.run(
                on: try plan.model(of: weights, in: Preparation(kernels: .available[0])), within: .infinity)
        }
        let prepared = try options.prepared.map { kernels in
            let preparation = Preparation(kernels: kernels)
            _ = try plan.model(of: kept, in: preparation)
            return preparation
        }
        try plan.writer(weights, test: test, prepared: prepared).write(to: path, check: Self.load)
        return ImportSummary(
            name: info.name, configuration: configuration, parameters: info.parameters,
            sourceSHA256: info.sourceSHA256, precision: options.precision, difference: difference,
            prepared: options.prepared?.name, notes: notes)
    }

    /// Loads what was written by all kernels that this machine has: nothing is written that they would not serve.
    private static func load(_ path: String) throws {
        for kernels in Kernels.available {
            do {
                let (model, test) = try ModelFile.load(MappedFile(path: path), kernels: kernels)
                try test.run(on: model)
            } catch let error as ModelError {
                throw ModelError.notAModel(
                    "no model was written, as it would not load with the \(kernels.name) kernels: \(error.description)")
            }
        }
    }

    private static func require(_ name: String, of weights: some NamedWeights) throws(ModelError) {
        if let problem = weights.problem(of: name) { throw .badWeights(WeightError(name: name, problem: problem)) }
    }

    private static func notFinite(_ what: String) -> ModelError {
        .notAModel("the checkpoint's weights are finite and its \(what) are not finite: it can't be used")
    }

    private func preset(layers: Int) -> Preset? {
        options.preset ?? (options.labels == nil ? Preset.matching(layers: layers) : nil)
    }

    private func configuration(
        of weights: some NamedWeights, notes: inout [String]
    ) throws(ModelError) -> ModelConfiguration {
        try Self.require(ModelFile.Name.positions, of: weights)
        guard let shape = weights.shape(of: ModelFile.Name.positions) else {
            throw .badWeights(
                WeightError(name: ModelFile.Name.positions, problem: "is missing: this is no VadCLIP checkpoint"))
        }
        guard shape.count == 2 else {
            throw .badWeights(
                WeightError(name: ModelFile.Name.positions, problem: "has shape \(shape): expected two dimensions"))
        }
        let layers = CheckpointShapes.count(of: "temporal.resblocks.", in: weights.names)
        let preset = options.preset ?? Preset.matching(layers: layers)
        if let preset, preset.layers != layers {
            notes.append(
                "preset \(preset.name) has \(preset.layers) layer(s), and the checkpoint has \(layers)"
                    + (Preset.matching(layers: layers).map { ", as \($0.name) has" } ?? "")
                    + ": labels and window may be another model's")
        }
        guard let labels = options.labels ?? preset?.labels, let window = options.window ?? preset?.window else {
            throw .badSetting(
                name: "number of layers", value: String(layers),
                expected: "2 (UCF-Crime) or 1 (XD-Violence), or --labels and --window for another model")
        }
        if options.preset == nil, let preset {
            let published = shape == [256, 512]
            if options.labels == nil, !published {
                notes.append(
                    "not a published shape (length \(shape[0]), width \(shape[1])): with \(layers) layer(s) it is taken "
                        + "as \(preset.name), \(preset.labels.count) labels, window \(window); --preset, --labels and "
                        + "--window say otherwise")
            } else if options.labels != nil, options.window == nil {
                notes.append("window \(window), as in \(preset.name); --window says otherwise")
            }
        }
        let configuration = ModelConfiguration(
            width: shape[1], length: shape[0], layers: layers, window: window, labels: labels)
        try configuration.validate()
        return configuration
    }

    /// The labels' tokens: those of the published labels are known, others need the vocabulary.
    private func tokens(of labels: [String], most: Int) throws -> [[Int]] {
        var known: [ByteText: [Int]] = [:]
        for preset in Preset.all {
            for (label, tokens) in zip(preset.labels, preset.tokens) { known[label.asciiLowercase] = tokens }
        }
        let tokenizer: Tokenizer?
        do {
            tokenizer = try options.vocabulary.map { try Tokenizer(vocabulary: $0) }
        } catch {
            throw ModelError.badLabels(
                "the file of --vocab is not CLIP's vocabulary, \(ImportOptions.vocabularySource): \(error)")
        }
        return try labels.map { label in
            guard let tokens = tokenizer?.tokens(of: label) ?? known[label.asciiLowercase] else {
                throw ModelError.badLabels(
                    "label '\(label)' is not one of the published ones: its tokens need CLIP's vocabulary by --vocab: "
                        + ImportOptions.vocabularySource)
            }
            guard (1...most).contains(tokens.count) else {
                throw ModelError.badLabels("label '\(label)' is \(tokens.count) tokens long: expected 1 to \(most)")
            }
            return tokens
        }
    }
}

/// What a checkpoint does not tell.
public struct ImportOptions: Sendable {
    /// The published settings to take; found from the layers where there is none.
    public var preset: Preset?
    /// Class labels, the normal one first, in place of the preset's.
    public var labels: [String]?
    /// Snippets of an attention window, in place of the preset's.
    public var window: Int?
    /// Where CLIP's vocabulary is to be had, for messages.
    public static let vocabularySource =
        "bpe_simple_vocab_16e6.txt.gz, in the folder clip of https://github.com/openai/CLIP"

    /// Text of CLIP's vocabulary file; needed for labels that no preset has, and to keep the text tower.
    public var vocabulary: String?
    /// The key or the prefix of the weights to take, where a checkpoint has several; the plain ones where there is none.
    public var weightsFrom: String?
    /// Keep CLIP's text tower in the model file, so that any labels can be scored.
    public var keepTextTower = false
    /// The model's name; the preset's where there is none.
    public var name: String?
    /// False marks weights that are random.
    public var trained = true
    /// How the file keeps the matrices.
    public var precision = WeightPrecision.float32
    /// The kernels that the weights are also stored prepared for; none where nil.
    public var prepared: Kernels?

    /// The defaults: everything from the checkpoint.
    public init() {}
}

/// What an import did.
public struct ImportSummary: Sendable {
    /// The model's name.
    public let name: String
    /// Shape and settings.
    public let configuration: ModelConfiguration
    /// VadCLIP's own parameters.
    public let parameters: Int
    /// SHA-256 of the checkpoint.
    public let sourceSHA256: String
    /// How the file keeps the matrices.
    public let precision: WeightPrecision
    /// The largest difference of a logit of the self-test from full precision's; nil for float32.
    public let difference: Float?
    /// The kernels that the weights are prepared for, if any.
    public let prepared: String?
    /// Choices that the checkpoint left open and the options did not settle, in plain words.
    public let notes: [String]
}
