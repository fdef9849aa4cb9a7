import Platform
import Tensors

/// Turns a checkpoint into a model file: computes the labels' text features, records the self-test, and drops the rest.
///
/// Weights are read tensor by tensor from the mapped checkpoint, the text tower block by block, so that importing
/// 650 MB takes little memory.
public struct ModelImporter {
    private let checkpoint: CheckpointSource
    private let options: ImportOptions
    private static let prompt = (prefix: 10, postfix: 10)

    /// Opens a checkpoint; throws `CheckpointError` or `ModelError`.
    public init(checkpoint file: MappedFile, options: ImportOptions) throws {
        self.options = options
        checkpoint = try CheckpointSource(file: file, weightsFrom: options.weightsFrom)
    }

    /// Writes the model file; nothing is left at `path` where this throws.
    public func write(to path: String) throws -> ImportSummary {
        var notes = checkpoint.choice
        if checkpoint.names.contains("n_averaged") {
            notes.append("the weights are averages over the training: n_averaged is beside them")
        }
        let configuration = try configuration(notes: &notes)
        let tower = try checkpoint.textTower(
            width: configuration.width, prefix: Self.prompt.prefix, postfix: Self.prompt.postfix)
        if options.keepTextTower, options.vocabulary == nil {
            throw ModelError.badLabels(
                "--keep-text-tower needs CLIP's vocabulary by --vocab: \(ImportOptions.vocabularySource)")
        }
        let maker = ModelMaker(
            weights: checkpoint, configuration: configuration, tower: tower,
            tokens: try LabelTokens.of(configuration.labels, vocabulary: options.vocabulary, tower: tower),
            name: options.name ?? preset(layers: configuration.layers)?.name ?? "vadclip", trained: options.trained,
            caveat: nil, origin: checkpoint.file,
            source: FileDigest(of: checkpoint.file).value,
            vocabulary: options.keepTextTower ? options.vocabulary : nil, precision: options.precision,
            prepared: options.prepared, training: nil)
        let difference = try maker.write(to: path)
        return ImportSummary(
            name: maker.name, configuration: configuration, parameters: maker.parameters, sourceSHA256: maker.source,
            precision: options.precision, difference: difference, prepared: options.prepared?.name, notes: notes)
    }

    private func preset(layers: Int) -> Preset? {
        options.preset ?? (options.labels == nil ? Preset.matching(layers: layers) : nil)
    }

    private func configuration(notes: inout [String]) throws(ModelError) -> ModelConfiguration {
        let name = ModelFile.Name.positions
        if let problem = checkpoint.problem(of: name) { throw checkpoint.bad(name, problem) }
        guard let shape = checkpoint.shape(of: name) else {
            throw checkpoint.bad(name, "is missing: this is no VadCLIP checkpoint")
        }
        guard shape.count == 2 else {
            throw checkpoint.bad(name, "has shape \(shape): expected two dimensions")
        }
        let layers = CheckpointShapes.count(of: "temporal.resblocks.", in: checkpoint.names)
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
                expected: "2 (UCF-Crime) or 1 (XD-Violence), or --labels and --window for another model",
                file: checkpoint.file.path)
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
