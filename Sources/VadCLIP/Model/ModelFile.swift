import CLIP
import Formats
import JSON
import Platform
import Tensors

/// Vigil's model file: a safetensors file that holds what scoring needs and nothing else.
///
/// The model's own tensors under their published names, `text_features` [K, d] of the labels, the self-test, and the
/// family with its settings and all others as metadata; the weights prepared for one set of kernels (`PreparedSection`); with a kept text tower also
/// CLIP's text tensors and the tokenizer's merges, with a kept image tower CLIP's image tensors and a feature of its own.
public enum ModelFile {
    /// Value of the metadata key `format`.
    static let format = "vigil-model"
    /// The version of a family's files: builds that know VadCLIP alone read the first.
    static func version(of family: ModelFamily) -> String { family == .vadCLIP ? "1" : "2" }

    /// Metadata keys.
    enum Key {
        static let format = "format", version = "format_version", name = "name", labels = "labels"
        static let window = "window", trained = "trained", source = "source_sha256"
        static let prefix = "prompt_prefix", postfix = "prompt_postfix", caveat = "caveat"
        static let prepared = "prepared", preparedFrom = "prepared_from", precision = "weights"
        static let training = "training", family = "family"
        static let imagePrepared = "image_prepared_from", imageDigest = "image_sha256"
        static let imageSource = "image_source_sha256"
        /// Begins the keys of what an arithmetic of fewer bits may differ by.
        static let compute = "compute."
        /// The same of the image tower.
        static let imageCompute = "image_compute."
    }

    /// Tensor names beside the published ones.
    enum Name {
        static let text = "text_features"
        static let testFeatures = "self_test.features"
        static let testCoarse = "self_test.coarse_logits"
        static let testFine = "self_test.fine_logits"
        static let merges = "tokenizer.merges"
        static let testImage = "self_test.image_features"
        static let positions = "frame_position_embeddings.weight"
    }

    /// The model in `file`, its weights packed for `kernels`, and its self-test, which is not yet run.
    public static func load(_ file: MappedFile, kernels: Kernels) throws(ModelError) -> (Model, SelfTest) {
        let tensors = try open(file)
        let configuration = try configuration(of: tensors)
        let weights = SafetensorsWeights(file: tensors)
        let (classes, selfTest, network) = try read(weights, configuration)
        let info = ModelInfo(
            name: tensors.metadata[Key.name] ?? "unnamed", trained: tensors.metadata[Key.trained] != "false",
            caveat: try caveat(of: tensors),
            digest: FileDigest(of: file),
            sourceSHA256: tensors.metadata[Key.source] ?? "", parameters: network)
        let model = try Model(
            info: info, configuration: configuration, classes: classes, weights: weights,
            labelEncoder: try labelEncoder(of: tensors, configuration, kernels: kernels),
            imageTower: try ImageFile(in: tensors)?.kept(width: configuration.width, kernels: kernels),
            in: Preparation(
                kernels: kernels, stored: PreparedSection(in: tensors, configuration: configuration, kernels: kernels)))
        return (model, selfTest)
    }

    /// The most bytes of a caveat.
    public static let longestCaveat = 300

    /// What is to be said wherever the model's scores are, in one line.
    public static func caveat(of tensors: SafetensorsFile) throws(ModelError) -> String? {
        guard let text = tensors.metadata[Key.caveat] else { return nil }
        guard isCaveat(text) else {
            throw .badSetting(
                name: Key.caveat, value: quoted(String(text.prefix(60))),
                expected: "one line of at most \(longestCaveat) bytes")
        }
        return text
    }

    /// Whether a text can be a model's caveat.
    public static func isCaveat(_ text: String) -> Bool {
        (1...longestCaveat).contains(text.utf8.count)
            && text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
    }

    /// Whether a safetensors file says that it is a model file.
    public static func isModel(_ tensors: SafetensorsFile) -> Bool { tensors.metadata[Key.format] == format }

    /// Whether a safetensors file says that it holds an image tower and no model.
    public static func isTower(_ tensors: SafetensorsFile) -> Bool { ImageFile.isAlone(tensors) }

    /// How the model was trained, as JSON; nil for one that was imported.
    public static func training(of tensors: SafetensorsFile) -> String? { tensors.metadata[Key.training] }

    /// The arithmetics that a file's prepared weights are for.
    public static func preparedComputes(of tensors: SafetensorsFile) -> [Compute] {
        PreparedSection.computes(of: tensors.names)
    }

    /// Whether a tensor of a model file repeats the others in prepared form.
    public static func isPrepared(_ name: String) -> Bool { name.begins(with: PreparedSection.prefix) }

    /// Says what the file is and what to do where it is plainly something else.
    ///
    /// - Parameter option: what an import needs besides, for a file that has what is looked for
    static func refuseOtherKinds(_ file: MappedFile, option: String = "") throws(ModelError) {
        let kind = FileKind.detect(file)
        switch kind {
        case .safetensors, .unknown: return
        case .torchZip where TorchFeatures.isTorch(file), .legacyTorch:
            throw .notAModel(
                "\(file.path) is a PyTorch checkpoint: make a model file of it with vigil import \(file.path) --output "
                    + "FILE.safetensors\(option), and name that")
        default:
            throw .notAModel(
                "\(file.path) is \(kind.name) and no model file: make one with vigil import CHECKPOINT --output FILE\(option)"
            )
        }
    }

    /// Shape of the image tower of `source`; throws where it is none that can be run.
    static func imageShape(
        of source: some WeightSource, in path: String
    ) throws(ModelError) -> ImageTower.Configuration {
        do throws(WeightError) {
            let configuration = try ImageTower.Configuration(of: source)
            for (name, shape) in configuration.tensors {
                guard let found = source.shape(of: name) else { throw WeightError(name: name, problem: "is missing") }
                guard found == shape else {
                    throw WeightError(name: name, problem: "has shape \(found): expected \(shape)")
                }
            }
            return configuration
        } catch {
            throw .badWeights(WeightError(name: error.name, problem: error.problem, file: path))
        }
    }

    private static func open(_ file: MappedFile) throws(ModelError) -> SafetensorsFile {
        try refuseOtherKinds(file)
        let tensors: SafetensorsFile
        do {
            tensors = try SafetensorsFile(file: file)
        } catch {
            throw .notAModel("\(file.path) is not a model file: \(error.description)")
        }
        guard !ImageFile.isAlone(tensors) else {
            throw .notAModel(
                "\(file.path) holds CLIP's image tower alone, which makes features of frames and scores nothing: expected a "
                    + "model file, as vigil import CHECKPOINT --output FILE makes it of a checkpoint")
        }
        guard isModel(tensors) else {
            throw .notAModel(
                "\(file.path) is a safetensors file but no Vigil model: make one with vigil import CHECKPOINT --output FILE"
            )
        }
        let versions = Set(ModelFamily.all.map { version(of: $0) }).sorted()
        guard let version = tensors.metadata[Key.version], versions.contains(where: { $0.hasBytes(of: version) }) else {
            throw .notAModel(
                "\(file.path) has format version \(tensors.metadata[Key.version] ?? "none"): this build reads "
                    + "\(versions.joined(separator: " and ")); import the checkpoint again")
        }
        return tensors
    }

    /// The family in the metadata, with its settings; VadCLIP where none is named.
    public static func kind(of tensors: SafetensorsFile) throws(ModelError) -> ModelKind {
        guard let name = tensors.metadata[Key.family] else { return .vadCLIP }
        guard let family = ModelFamily.named(name) else {
            throw .badSetting(
                name: Key.family, value: quoted(name),
                expected: ModelFamily.all.map(\.name).joined(separator: " or ") + ", those that this build knows")
        }
        var settings: FamilySettings = [:]
        for setting in family.settings {
            guard let text = tensors.metadata[setting.key] else { continue }
            guard let value = Float(text) else {
                throw .badSetting(name: setting.key.text, value: quoted(String(text.prefix(60))), expected: "a number")
            }
            settings[setting.key] = value
        }
        return try ModelKind(family, settings)
    }

    /// The settings in the metadata, and the sizes in the tensors' shapes.
    public static func configuration(of tensors: SafetensorsFile) throws(ModelError) -> ModelConfiguration {
        guard let shape = tensors[Name.positions]?.shape, shape.count == 2 else {
            throw .badWeights(WeightError(name: Name.positions, problem: "is missing"))
        }
        let configuration = ModelConfiguration(
            width: shape[1], length: shape[0],
            layers: CheckpointShapes.count(of: Trunk.blocks, in: tensors.names),
            window: try integer(Key.window, of: tensors), labels: try labels(of: tensors),
            kind: try kind(of: tensors))
        try configuration.validate()
        return configuration
    }

    private static func labels(of tensors: SafetensorsFile) throws(ModelError) -> [String] {
        let text = tensors.metadata[Key.labels] ?? ""
        let parsed = try? JSONReader.parse(Array(text.utf8), maxBytes: 1 << 20)
        guard let labels = parsed?.array?.map(\.string), !labels.contains(nil) else {
            throw .badSetting(name: "labels", value: String(text.prefix(80)), expected: "a JSON array of strings")
        }
        return labels.compactMap { $0 }
    }

    private static func integer(_ key: String, of tensors: SafetensorsFile) throws(ModelError) -> Int {
        guard let text = tensors.metadata[key], let value = Int(text) else {
            throw .badSetting(name: key, value: tensors.metadata[key] ?? "missing", expected: "a whole number")
        }
        return value
    }

    private static func read(
        _ weights: SafetensorsWeights, _ configuration: ModelConfiguration
    ) throws(ModelError) -> (ClassFeatures, SelfTest, parameters: Int) {
        let (d, k) = (configuration.width, configuration.labels.count)
        do {
            let text = Matrix(rows: k, columns: d, values: try weights.floats(Name.text, shape: [k, d]))
            guard let rows = weights.shape(of: Name.testFeatures)?.first, rows > 0 else {
                throw WeightError(name: Name.testFeatures, problem: "is missing: a model file carries its self-test")
            }
            let features = Matrix(
                rows: rows, columns: d, values: try weights.floats(Name.testFeatures, shape: [rows, d]))
            var logits = Logits(snippets: rows, classes: k)
            logits.coarse = try weights.floats(Name.testCoarse, shape: [rows])
            logits.fine = try weights.floats(Name.testFine, shape: [rows, k])
            let parameters = Network.tensors(of: configuration).reduce(0) { $0 + $1.shape.reduce(1, *) }
            return (
                try ClassFeatures(labels: configuration.labels, features: text),
                SelfTest(features: features, logits: logits, differences: differences(of: weights.file)), parameters
            )
        } catch let error as WeightError {
            throw .badWeights(error)
        } catch let error as ModelError {
            throw error
        } catch {
            throw .notAModel("\(error)")
        }
    }

    /// What was recorded of each arithmetic of fewer bits that can be used: those that the file is checked in beside float32.
    public static func differences(of tensors: SafetensorsFile) -> [Compute: SelfTest.Difference] {
        var differences: [Compute: SelfTest.Difference] = [:]
        for compute in Compute.allCases where compute != .float32 {
            differences[compute] = tensors.metadata[ByteText(Key.compute + compute.rawValue)].flatMap {
                SelfTest.Difference($0)
            }
        }
        return differences
    }

    private static func labelEncoder(
        of tensors: SafetensorsFile, _ model: ModelConfiguration, kernels: Kernels
    ) throws(ModelError) -> LabelEncoder? {
        guard let merges = tensors[Name.merges] else { return nil }
        let bytes = tensors.withBytes(of: merges) { Array($0) }
        let tokenizer: Tokenizer
        do throws(TokenizerError) {
            tokenizer = try Tokenizer(vocabulary: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw .notAModel("tensor '\(Name.merges)': \(error.description)")
        }
        let source = SafetensorsWeights(file: tensors)
        let configuration = try CheckpointShapes.textTower(
            of: source, names: tensors.names, recipe: model.kind.family.text, width: model.width,
            prefix: try integer(Key.prefix, of: tensors), postfix: try integer(Key.postfix, of: tensors))
        return LabelEncoder(tokenizer: tokenizer, configuration: configuration) { () throws(WeightError) in
            try model.kind.textTower(
                from: source, configuration, streaming: false, kernels: kernels.computing(.float32))
        }
    }
}
