import CLIP
import Platform
import Tensors

/// Turns a checkpoint into a model file: computes the labels' text features, records the self-test, and drops the rest.
///
/// Weights are read tensor by tensor from the mapped checkpoint, the text tower block by block, so that importing
/// 650 MB takes little memory.
public struct ModelImporter {
    private let checkpoint: CheckpointSource
    private let options: ImportOptions
    private let family: ModelFamily

    /// Opens a checkpoint; throws `CheckpointError` or `ModelError`.
    public init(checkpoint file: MappedFile, options: ImportOptions) throws {
        self.options = options
        checkpoint = try CheckpointSource(file: file, weightsFrom: options.weightsFrom)
        family = checkpoint.family
    }

    /// Writes the model file; nothing is left at `path` where this throws.
    public func write(to path: String) throws -> ImportSummary {
        var notes = checkpoint.choice
        if checkpoint.names.contains("n_averaged") {
            notes.append("the weights are averages over the training: n_averaged is beside them")
        }
        let configuration = try configuration(notes: &notes)
        notes += strangers(configuration)
        let prompt = family.text.prompt
        let tower = try checkpoint.textTower(
            family.text, width: configuration.width, prefix: prompt.prefix, postfix: prompt.postfix)
        if options.keepTextTower, options.vocabulary == nil {
            throw ModelError.badLabels(
                "--keep-text-tower needs CLIP's vocabulary by --vocab: \(ImportOptions.vocabularySource)")
        }
        let image = try imagePlan(configuration)
        let known = options.preset ?? (options.labels == nil ? matchingPreset : nil)
        let maker = ModelMaker(
            weights: checkpoint, configuration: configuration, tower: tower,
            tokens: try LabelTokens.of(configuration.labels, vocabulary: options.vocabulary, tower: tower),
            name: options.name ?? known?.name ?? family.name, trained: options.trained,
            caveat: nil, origin: checkpoint.file,
            source: FileDigest(of: checkpoint.file).value,
            vocabulary: options.keepTextTower ? options.vocabulary : nil, precision: options.precision,
            prepared: options.preparedFor, training: nil, image: image)
        let difference = try maker.write(to: path)
        return ImportSummary(
            name: maker.name, configuration: configuration, parameters: maker.parameters, sourceSHA256: maker.source,
            precision: options.precision, difference: difference,
            imageTower: image?.source.configuration, notes: notes)
    }

    /// The image tower to keep, of the checkpoint itself or of another file.
    private func imagePlan(_ configuration: ModelConfiguration) throws -> ImagePlan? {
        let source: ImageSource
        if let file = options.imageTower {
            source = try ImageSource(file: file)
        } else {
            guard options.keepImageTower else { return nil }
            source = try ImageSource(in: checkpoint)
        }
        try ImageFile.check(source.configuration, width: configuration.width, in: source.file.path)
        return ImagePlan(
            source: source, precision: options.precision, prepared: options.preparedFor,
            sourceSHA256: FileDigest(of: source.file).value)
    }

    private var counts: [Int] { family.counts(in: checkpoint.names) }

    /// The published model that has as many of each part.
    private var matchingPreset: Preset? { family.preset(counts: counts) }

    private func configuration(notes: inout [String]) throws(ModelError) -> ModelConfiguration {
        let name = ModelFile.Name.positions
        if let problem = checkpoint.problem(of: name) { throw checkpoint.bad(name, problem) }
        guard let shape = checkpoint.shape(of: name) else {
            throw checkpoint.bad(name, "is missing: this is no checkpoint of \(Self.families)")
        }
        guard shape.count == 2 else {
            throw checkpoint.bad(name, "has shape \(shape): expected two dimensions")
        }
        for part in family.recognition.parts {
            guard let gap = CheckpointShapes.gap(of: part.prefix, in: checkpoint.names) else { continue }
            throw checkpoint.bad("\(part.prefix)\(gap)", "is missing, and there are tensors of a later one")
        }
        try checkPreset()
        let preset = options.preset ?? matchingPreset
        if let preset, preset.counts != counts { notes.append(note(onUnlike: preset)) }
        // Without a preset nobody says a family's settings.
        guard preset != nil || family.settings.isEmpty, let labels = options.labels ?? preset?.labels,
            let window = options.window ?? preset?.window
        else { throw noPreset }
        let kind = try ModelKind(family, preset?.settings ?? [:])
        let layers = CheckpointShapes.count(of: Trunk.blocks, in: checkpoint.names)
        if options.preset == nil, let preset {
            let published = shape == [256, 512]
            if options.labels == nil, !published {
                notes.append(
                    "not a published shape (length \(shape[0]), width \(shape[1])): with \(family.said(counts)) it is taken "
                        + "as \(preset.name), \(preset.labels.count) labels, window \(window); --preset, --labels and "
                        + "--window say otherwise")
            } else if options.labels != nil, options.window == nil {
                notes.append("window \(window), as in \(preset.name); --window says otherwise")
            }
        }
        let configuration = ModelConfiguration(
            width: shape[1], length: shape[0], layers: layers, window: window, labels: labels, kind: kind)
        try configuration.validate()
        return configuration
    }

    /// What is to be said of tensors that are of no part of the model: it may be a sibling that nobody here knows.
    private func strangers(_ configuration: ModelConfiguration) -> [String] {
        let own = configuration.tensors.map(\.name) + ["disAdj.sigma", "n_averaged", TextTower.Names.prompt]
        let known = Set(own.map { ByteText($0) })
        let begun = ["clipmodel."] + family.recognition.passedOver + family.recognition.parts.map(\.prefix)
        func isKnown(_ name: String) -> Bool {
            known.contains(ByteText(name)) || name.hasBytes(of: family.text.output.tensor)
                || begun.contains { name.begins(with: $0) }
        }
        // Other weights of the same names, such as averages, stand behind a prefix.
        let strangers = checkpoint.names.filter { name in
            let pieces = name.pieces(between: ASCII.dot)
            return !pieces.indices.contains { isKnown(pieces[$0...].joined(separator: ".")) }
        }
        guard let first = strangers.first else { return [] }
        let those = strangers.count == 1 ? "is" : "and \(strangers.count - 1) more are"
        return [
            "the tensor \(quoted(first)) \(those) of no part of \(family.title), and passed over: where the model computes "
                + "with it, its scores are others than these"
        ]
    }

    private static var families: String { ModelFamily.all.map(\.title).sorted(by: >).joined(separator: " or ") }

    /// Throws where the preset is another family's than the checkpoint.
    private func checkPreset() throws(ModelError) {
        guard let preset = options.preset, preset.family != family else { return }
        let mark = family.recognition.marks.last ?? ""
        let other = preset.family.recognition.marks.last { mark in !checkpoint.names.contains(mark) }
        throw .notAModel(
            "preset \(preset.name) is \(preset.family.title)'s, and \(checkpoint.file.path) is a checkpoint of "
                + "\(family.title), which \(other.map { "has no tensor \(quoted($0))" } ?? "has the tensor \(quoted(mark))"): "
                + "expected \(family.presets.map(\.name).joined(separator: " or "))")
    }

    private func note(onUnlike preset: Preset) -> String {
        let found = counts.map { "\($0)" }.joined(separator: " and ")
        let open = ["labels", "window"] + family.settings.map(\.key.text)
        return "preset \(preset.name) has \(family.said(preset.counts)), and the checkpoint has \(found)"
            + (matchingPreset.map { ", as \($0.name) has" } ?? "")
            + ": \(open.dropLast().joined(separator: ", ")) and \(open.last ?? "") may be another model's"
    }

    /// What is to be said where nothing tells labels, window and settings.
    private var noPreset: ModelError {
        let hasSettings = !family.settings.isEmpty
        let known = family.presets.map { "\(family.said($0.counts)) (\($0.name))" }.joined(separator: " or ")
        return .badSetting(
            name: "size", value: family.said(counts),
            expected: known
                + (hasSettings ? ", or one of these by --preset" : ", or --labels and --window for another model"),
            file: checkpoint.file.path)
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
    /// Keep CLIP's image tower in the model file, so that features can be made of frames.
    public var keepImageTower = false
    /// A file whose image tower is kept, in place of the checkpoint's own.
    public var imageTower: MappedFile?
    /// The model's name; the preset's where there is none.
    public var name: String?
    /// False marks weights that are random.
    public var trained = true
    /// How the file keeps the matrices.
    public var precision = WeightPrecision.float32
    /// The kernels that the weights are also stored prepared for; none where nil.
    public var prepared: Kernels?
    /// The arithmetics that they are prepared for.
    public var computes: [Compute] = [.float32]

    /// The kernels with each of the arithmetics.
    public var preparedFor: [Kernels] { prepared.map { computes.map($0.computing) } ?? [] }

    /// The defaults: everything from the checkpoint.
    public init() {}
}

/// What an import did.
public struct ImportSummary: Sendable {
    /// The model's name.
    public let name: String
    /// Shape and settings.
    public let configuration: ModelConfiguration
    /// The model's own parameters, CLIP's not counted.
    public let parameters: Int
    /// SHA-256 of the checkpoint.
    public let sourceSHA256: String
    /// How the file keeps the matrices.
    public let precision: WeightPrecision
    /// The largest difference of a logit of the self-test from full precision's; nil for float32.
    public let difference: Float?
    /// Shape of the image tower that was kept, if any.
    public let imageTower: ImageTower.Configuration?
    /// Choices that the checkpoint left open and the options did not settle, in plain words.
    public let notes: [String]
}
