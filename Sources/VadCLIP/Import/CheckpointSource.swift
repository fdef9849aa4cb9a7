import CLIP
import Formats
import Platform
import Tensors

/// A checkpoint's weights under the published names, whoever saved it: a .pth of PyTorch or a state dict as .safetensors.
///
/// Values are read from the mapped file when they are asked for, and refused where they are not finite.
public struct CheckpointSource: NamedWeights {
    /// The file.
    public let file: MappedFile
    /// All tensors' names, in the file's order.
    public let names: [String]
    /// What is to be said of the weights that were chosen among several.
    let choice: [String]
    private let weights: PlainWeights
    /// What CLIP's names begin with here and not in the file.
    private let added: String
    private let vocabularyMerges: SafetensorsTensor?

    /// Opens a checkpoint of a known family; throws `CheckpointError` or `ModelError`.
    ///
    /// - Parameters:
    ///   - file: the checkpoint
    ///   - weightsFrom: the key or the prefix of the weights to take, where it has several
    public init(file: MappedFile, weightsFrom: String? = nil) throws {
        let opened = try Self.open(file, mark: ModelFile.Name.positions, weightsFrom: weightsFrom, isModelTaken: false)
        self.init(file, opened.weights, choice: opened.choice)
    }

    /// Opens what has CLIP's text tower, for `clipmodel.` and its names: a VadCLIP checkpoint, CLIP's own state dict, or a
    /// model file that kept the tower. Throws `CheckpointError` or `ModelError`.
    public init(clip file: MappedFile) throws {
        let opened = try Self.open(file, mark: Self.clipMark, weightsFrom: nil, isModelTaken: true)
        guard opened.weights.shape(of: Self.clipMark) != nil else {
            throw ModelError.notAModel(
                "\(file.path) has no '\(Self.clipMark)': expected CLIP's text tower, as a published VadCLIP checkpoint or "
                    + "the state dict of openai/CLIP's ViT-B/16 has it")
        }
        self.init(
            file, opened.weights, choice: opened.choice, added: Self.clipPrefix,
            merges: (opened.model?[ModelFile.Name.merges]))
    }

    /// Opens what may have tensors whose names end in `mark`; those of a checkpoint of CLIP's own have `clipmodel.` before
    /// them here. Throws `CheckpointError` or `ModelError`.
    init(file: MappedFile, mark: String, isOfCLIP: Bool) throws {
        let opened = try Self.open(file, mark: mark, weightsFrom: nil, isModelTaken: true)
        self.init(file, opened.weights, choice: opened.choice, added: isOfCLIP ? Self.clipPrefix : "")
    }

    private init(
        _ file: MappedFile, _ weights: PlainWeights, choice: [String], added: String = "",
        merges: SafetensorsTensor? = nil
    ) {
        self.file = file
        self.weights = weights
        self.choice = choice
        self.added = added
        vocabularyMerges = merges
        names = added.isEmpty ? weights.names : weights.prefixed.map { added + $0 }
    }

    private static let clipPrefix = "clipmodel."
    private static let clipMark = "token_embedding.weight"

    /// The family whose names it has; VadCLIP where it has none's, so that what it lacks is told by VadCLIP's names.
    public var family: ModelFamily { ModelFamily.recognised(in: names) ?? .vadCLIP }

    /// The text of CLIP's vocabulary that a model file has kept.
    public var vocabulary: String? {
        guard let vocabularyMerges, let tensors = try? SafetensorsFile(file: file) else { return nil }
        return tensors.withBytes(of: vocabularyMerges) { String(decoding: $0, as: UTF8.self) }
    }

    /// Shape of the tensor of that name.
    public func shape(of name: String) -> [Int]? { weights.shape(of: inFile(name)) }

    /// The tensor's values; throws where there is none of that shape, or one is not finite.
    public func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        do throws(WeightError) {
            return try weights.floats(inFile(name), shape: shape)
        } catch {
            throw WeightError(name: name, problem: error.problem, file: file.path)
        }
    }

    func problem(of name: String) -> String? { weights.problem(of: inFile(name)) }

    private func inFile(_ name: String) -> String {
        added.isEmpty ? name : name.rest(after: added).map { String($0) } ?? name
    }

    private static func open(
        _ file: MappedFile, mark: String, weightsFrom: String?, isModelTaken: Bool
    ) throws -> (weights: PlainWeights, choice: [String], model: SafetensorsFile?) {
        var taken = ""
        var others: [String] = []
        var model: SafetensorsFile?
        let named: any NamedWeights
        if FileKind.detect(file) == .safetensors {
            let tensors = try safetensors(file, isModelTaken: isModelTaken)
            named = SafetensorsCheckpoint(file: tensors)
            model = ModelFile.isModel(tensors) ? tensors : nil
        } else {
            let checkpoint = try TorchCheckpoint(file: file, mark: mark, container: weightsFrom)
            named = CheckpointWeights(checkpoint: checkpoint)
            (taken, others) = (checkpoint.container, checkpoint.otherContainers)
        }
        let inside = taken == weightsFrom ? nil : weightsFrom
        let weights = try PlainWeights(named, asked: inside, mark: mark)
        if let inside, weights.prefix != inside {
            let known = ([taken, weights.prefix] + others + weights.others).filter { !$0.isEmpty }
            throw ModelError.notAModel(
                "\(file.path) has no weights under \(quoted(inside)): "
                    + (known.isEmpty
                        ? "it has one set of weights"
                        : "it has \(known.prefix(8).map { quoted($0) }.joined(separator: ", "))"))
        }
        return (weights, Self.choice(taken, others) + Self.choice(weights.prefix, weights.others), model)
    }

    private static func safetensors(_ file: MappedFile, isModelTaken: Bool) throws(ModelError) -> SafetensorsFile {
        let tensors: SafetensorsFile
        do {
            tensors = try SafetensorsFile(file: file)
        } catch {
            throw .notAModel("\(file.path): \(error.description)")
        }
        guard isModelTaken || !ModelFile.isModel(tensors) else {
            throw .notAModel(
                "\(file.path) is a model file already, which vigil serve --model takes: expected a checkpoint with the "
                    + "published names, as the one that it was imported from, or the weights that vigil train writes beside it"
            )
        }
        return tensors
    }

    /// What is said where other weights lie beside those that are taken.
    private static func choice(_ taken: String, _ others: [String]) -> [String] {
        func name(_ key: String) -> String { key.isEmpty ? "the file itself" : quoted(key) }
        guard !others.isEmpty else { return [] }
        return [
            "the weights of \(name(taken)) are taken, and others lie beside them: "
                + others.prefix(8).map(name).joined(separator: ", ")
                + "; --weights-from \(others.first { !$0.isEmpty } ?? taken) takes those"
        ]
    }
}

extension CheckpointSource {
    /// Shape of CLIP's text tower here; throws where there is none, or where it does not fit features of `width`.
    ///
    /// - Parameters:
    ///   - width: of the text transformer
    ///   - prefix: learned positions between the start token and the words
    ///   - postfix: those between the words and the end token
    public func textTower(width: Int, prefix: Int, postfix: Int) throws(ModelError) -> TextTower.Configuration {
        try textTower(ModelFamily.vadCLIP.text, width: width, prefix: prefix, postfix: postfix)
    }

    /// The same in the style of a family.
    func textTower(
        _ recipe: any TextRecipe, width: Int, prefix: Int, postfix: Int
    ) throws(ModelError) -> TextTower.Configuration {
        for name in [TextTower.Names.tokens, TextTower.Names.positions, recipe.output.tensor] {
            if let problem = problem(of: name) { throw bad(name, problem) }
        }
        do throws(ModelError) {
            return try CheckpointShapes.textTower(
                of: self, names: names, recipe: recipe, width: width, prefix: prefix, postfix: postfix)
        } catch {
            switch error {
            case .badWeights(let error): throw bad(error.name, error.problem)
            case .badSetting(let name, let value, let expected, _):
                throw .badSetting(name: name, value: value, expected: expected, file: file.path)
            default: throw error
            }
        }
    }

    /// The error of a tensor here.
    func bad(_ name: String, _ problem: String) -> ModelError {
        .badWeights(WeightError(name: name, problem: problem, file: file.path))
    }

    /// d, the width of CLIP's features; nil where it has no text projection.
    public var featureWidth: Int? { shape(of: TextTower.Names.projection)?.last }

    /// Throws where the weights are another family's than VadCLIP's, which alone is trained here.
    public func checkIsVadCLIP() throws(ModelError) {
        let family = family
        guard family != .vadCLIP else { return }
        let mark = family.recognition.marks.last ?? ""
        throw .notAModel(
            "\(file.path) is a checkpoint of \(family.title) (it has the tensor \(quoted(mark))): training begins with "
                + "VadCLIP's weights alone; vigil import makes a model of it")
    }

    /// Width and length of the model in it, and its layers; nil where there is none.
    public var size: (width: Int, length: Int, layers: Int)? {
        guard let shape = shape(of: ModelFile.Name.positions), shape.count == 2 else { return nil }
        return (shape[1], shape[0], CheckpointShapes.count(of: Trunk.blocks, in: names))
    }
}

extension ModelConfiguration {
    /// Names and shapes of VadCLIP's own tensors in the published order, without the learned prompt's.
    public var tensors: [(name: String, shape: [Int])] { Network.tensors(of: self) }
}

/// The tokens of labels.
public enum LabelTokens {
    /// Those of the published labels are known, others need CLIP's vocabulary.
    ///
    /// - Parameters:
    ///   - labels: the texts
    ///   - vocabulary: text of CLIP's vocabulary file
    ///   - tower: the text tower that takes them
    public static func of(
        _ labels: [String], vocabulary: String?, tower: TextTower.Configuration
    ) throws(ModelError) -> [[Int]] {
        var known: [ByteText: [Int]] = [:]
        for preset in Preset.all {
            for (label, tokens) in zip(preset.labels, preset.tokens) { known[label.asciiLowercase] = tokens }
        }
        var tokenizer: Tokenizer?
        if let vocabulary { tokenizer = try Self.tokenizer(vocabulary) }
        var all: [[Int]] = []
        for label in labels {
            guard let tokens = tokenizer?.tokens(of: label) ?? known[label.asciiLowercase] else {
                throw .badLabels(
                    "label \(quoted(label)) is not one of the published ones: its tokens need CLIP's vocabulary by --vocab: "
                        + ImportOptions.vocabularySource)
            }
            guard (1...max(tower.mostTokens, 1)).contains(tokens.count) else {
                throw .badLabels(
                    "label \(quoted(label)) is \(tokens.count) tokens long: expected 1 to \(tower.mostTokens)")
            }
            if let stray = tokens.first(where: { $0 >= tower.vocabulary }) {
                throw .badLabels(
                    "label \(quoted(label)) has token \(stray) of "
                        + (vocabulary == nil ? "CLIP's vocabulary" : "the vocabulary that --vocab names")
                        + ", and the text tower knows \(tower.vocabulary): that vocabulary does not belong to this text tower"
                        + (vocabulary == nil ? "; --vocab names its own" : ""))
            }
            all.append(tokens)
        }
        return all
    }

    /// The tokens of "a video of", for labels without a learned prompt: the vocabulary's, or CLIP's where there is none.
    public static func handWrittenPrompt(vocabulary: String?) throws(ModelError) -> [Int] {
        guard let vocabulary else { return [320, 1_455, 539] }
        return try tokenizer(vocabulary).tokens(of: "a video of")
    }

    private static func tokenizer(_ vocabulary: String) throws(ModelError) -> Tokenizer {
        do throws(TokenizerError) { return try Tokenizer(vocabulary: vocabulary) } catch {
            throw .badLabels(
                "the file of --vocab is not CLIP's vocabulary, \(ImportOptions.vocabularySource): \(error)")
        }
    }
}
