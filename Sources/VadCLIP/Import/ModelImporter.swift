import CLIP
import Formats
import Numerics

/// Turns a checkpoint into a model file: computes the labels' text features, records the self-test, and drops the rest.
///
/// Weights are read tensor by tensor from the mapped checkpoint, the text tower block by block, so that importing
/// 650 MB takes little memory.
public struct ModelImporter {
    private let checkpoint: any NamedWeights
    private let source: MappedFile
    private let options: ImportOptions
    /// The reference kernels: a self-test recorded by them checks all the others.
    private let kernels = Kernels.portable
    private static let prompt = (prefix: 10, postfix: 10)

    /// Opens a checkpoint; throws `CheckpointError`, `SafetensorsError` or `ModelError`.
    public init(checkpoint file: MappedFile, options: ImportOptions) throws {
        source = file
        self.options = options
        if FileKind.detect(file) == .safetensors {
            do {
                checkpoint = SafetensorsCheckpoint(file: try SafetensorsFile(file: file))
            } catch {
                throw ModelError.notAModel("\(file.path): \(error.description)")
            }
        } else {
            checkpoint = CheckpointWeights(checkpoint: try TorchCheckpoint(file: file))
        }
    }

    /// Writes the model file; nothing is left at `path` where this throws.
    public func write(to path: String) throws -> ImportSummary {
        try run(checkpoint, to: path)
    }

    private func run(_ weights: some NamedWeights, to path: String) throws -> ImportSummary {
        var notes: [String] = []
        let configuration = try configuration(of: weights, notes: &notes)
        let tower = try CheckpointShapes.textTower(
            of: weights, names: weights.names, width: configuration.width, prefix: Self.prompt.prefix,
            postfix: Self.prompt.postfix)
        if options.keepTextTower, options.vocabulary == nil {
            throw ModelError.badLabels(
                "--keep-text-tower needs CLIP's vocabulary: name bpe_simple_vocab_16e6.txt.gz by --vocab")
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
        let digest = source.withUnsafeBytes { SHA256.hexDigest(of: $0) }
        let parameters = Network.tensors(of: configuration).reduce(0) { $0 + $1.shape.reduce(1, *) }
        let name = options.name ?? preset(layers: configuration.layers)?.name ?? "vadclip"
        let info = ModelInfo(
            name: name, trained: options.trained, sha256: "", sourceSHA256: digest, parameters: parameters)
        let model = try Model(
            info: info, configuration: configuration,
            classes: try ClassFeatures(labels: configuration.labels, features: text), weights: weights,
            kernels: kernels)
        let test = SelfTest(recording: model)
        guard test.logits.firstNotFinite == nil, text.firstNotFinite == nil else {
            throw ModelError.notAModel("the checkpoint's weights give scores that are not finite: it can't be used")
        }
        try writer(weights, model: model, text: tower, test: test).write(to: path)
        return ImportSummary(
            name: name, configuration: configuration, parameters: parameters, sourceSHA256: digest, notes: notes)
    }

    private func preset(layers: Int) -> Preset? {
        options.preset ?? (options.labels == nil ? Preset.matching(layers: layers) : nil)
    }

    private func configuration(
        of weights: some NamedWeights, notes: inout [String]
    ) throws(ModelError) -> ModelConfiguration {
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
        var known: [String: [Int]] = [:]
        for preset in Preset.all {
            for (label, tokens) in zip(preset.labels, preset.tokens) { known[label.lowercased()] = tokens }
        }
        let tokenizer: Tokenizer?
        do {
            tokenizer = try options.vocabulary.map { try Tokenizer(vocabulary: $0) }
        } catch {
            throw ModelError.badLabels("the file of --vocab is not CLIP's vocabulary: \(error)")
        }
        return try labels.map { label in
            guard let tokens = tokenizer?.tokens(of: label) ?? known[label.lowercased()] else {
                throw ModelError.badLabels(
                    "label '\(label)' is not one of the published ones: its tokens need CLIP's vocabulary, by --vocab "
                        + "bpe_simple_vocab_16e6.txt.gz")
            }
            guard (1...most).contains(tokens.count) else {
                throw ModelError.badLabels("label '\(label)' is \(tokens.count) tokens long: expected 1 to \(most)")
            }
            return tokens
        }
    }

    private func writer(
        _ weights: some NamedWeights, model: Model, text tower: TextTower.Configuration, test: SelfTest
    ) throws -> SafetensorsWriter {
        let (d, k, t) = (model.configuration.width, model.classes.labels.count, test.features.rows)
        var tensors = Network.tensors(of: model.configuration).map { tensor in
            SafetensorsWriter.Tensor(name: tensor.name, shape: tensor.shape) {
                try weights.floats(tensor.name, shape: tensor.shape)
            }
        }
        tensors += [
            .init(name: ModelFile.Name.text, shape: [k, d]) { model.classes.features.values },
            .init(name: ModelFile.Name.testFeatures, shape: [t, d]) { test.features.values },
            .init(name: ModelFile.Name.testCoarse, shape: [t]) { test.logits.coarse },
            .init(name: ModelFile.Name.testFine, shape: [t, k]) { test.logits.fine },
        ]
        if options.keepTextTower, let vocabulary = options.vocabulary {
            tensors += keptTower(weights, tower, vocabulary)
        }
        return try SafetensorsWriter(metadata: metadata(of: model), tensors: tensors)
    }

    private func metadata(of model: Model) -> [String: String] {
        typealias Key = ModelFile.Key
        return [
            Key.format: ModelFile.format, Key.version: ModelFile.version, Key.name: model.info.name,
            Key.labels: JSONWriter.text { json in json.array(model.classes.labels) { $0.string($1) } },
            Key.window: String(model.configuration.window), Key.trained: String(model.info.trained),
            Key.source: model.info.sourceSHA256, Key.prefix: String(Self.prompt.prefix),
            Key.postfix: String(Self.prompt.postfix),
        ]
    }

    /// The text tower's tensors, and the merges of the vocabulary that CLIP uses.
    private func keptTower(
        _ weights: some NamedWeights, _ tower: TextTower.Configuration, _ vocabulary: String
    ) -> [SafetensorsWriter.Tensor] {
        let (w, names) = (tower.width, TextTower.Names.self)
        var shapes: [(String, [Int])] = [
            (names.tokens, [tower.vocabulary, w]), (names.positions, [tower.context, w]),
            (names.projection, [w, tower.outputWidth]), (names.prompt, [tower.context, w]),
            (names.finalNorm + ".weight", [w]), (names.finalNorm + ".bias", [w]),
        ]
        for layer in 0..<tower.layers { shapes += Network.block(names.blocks + String(layer), width: w) }
        let lines = vocabulary.split(separator: "\n", omittingEmptySubsequences: false).prefix(Tokenizer.merges + 1)
        let merges = Array((lines.joined(separator: "\n") + "\n").utf8)
        return shapes.map { name, shape in
            .init(name: name, shape: shape) { try weights.floats(name, shape: shape) }
        } + [
            .init(name: ModelFile.Name.merges, elementType: .uint8, shape: [merges.count]) { sink in
                try merges.withUnsafeBytes { try sink($0) }
            }
        ]
    }
}
