import CLIP
import Formats
import JSON
import Platform
import Tensors

/// Vigil's model file: a safetensors file that holds what scoring needs and nothing else.
///
/// The model's own tensors under their published names, `text_features` [K, d] of the labels, the self-test, and the
/// family with its settings and all others as metadata; the weights prepared for one set of kernels (`PreparedSection`); with a kept text tower also
/// CLIP's text tensors and the tokenizer's merges.
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
        /// Begins the keys of what an arithmetic of fewer bits may differ by.
        static let compute = "compute."
    }

    /// Tensor names beside the published ones.
    enum Name {
        static let text = "text_features"
        static let testFeatures = "self_test.features"
        static let testCoarse = "self_test.coarse_logits"
        static let testFine = "self_test.fine_logits"
        static let merges = "tokenizer.merges"
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

    /// How the model was trained, as JSON; nil for one that was imported.
    public static func training(of tensors: SafetensorsFile) -> String? { tensors.metadata[Key.training] }

    /// Whether a tensor of a model file repeats the others in prepared form.
    public static func isPrepared(_ name: String) -> Bool { name.begins(with: PreparedSection.prefix) }

    /// Says what the file is and what to do where it is plainly something else.
    private static func refuseOtherKinds(_ file: MappedFile) throws(ModelError) {
        let kind = FileKind.detect(file)
        switch kind {
        case .safetensors, .unknown: return
        case .torchZip where TorchFeatures.isTorch(file), .legacyTorch:
            throw .notAModel(
                "\(file.path) is a PyTorch checkpoint: make a model file of it with vigil import \(file.path) --output "
                    + "FILE.safetensors, and name that")
        default:
            throw .notAModel(
                "\(file.path) is \(kind.name) and no model file: make one with vigil import CHECKPOINT --output FILE")
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

    /// What was recorded of each arithmetic of fewer bits that can be used.
    private static func differences(of tensors: SafetensorsFile) -> [Compute: SelfTest.Difference] {
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

/// The part of a model file that holds the weights as one set of kernels takes them, so that loading does no work and
/// processes share the pages.
///
/// It is made of the published tensors of the same file and used only where they are still those it was made of; a file
/// without it, or with one for other kernels, loads as well, in more time.
struct PreparedSection: PreparedWeights {
    /// Begins the names of its tensors.
    static let prefix = "prepared/"
    /// Changes with what is prepared, or how.
    private static let version = 1
    /// Blocks are rounded up to whole cache lines, so that each begins on one.
    private static let line = 16

    private let file: SafetensorsFile

    /// The section of `file` for `kernels`, if there is one of this version and the tensors are unchanged.
    init?(in file: SafetensorsFile, configuration: ModelConfiguration, kernels: Kernels) {
        #if _endian(little)
            guard file.metadata[ModelFile.Key.prepared] == Self.tag(kernels) else { return nil }
            var fingerprint = Fingerprint()
            for (name, shape) in Network.tensors(of: configuration) {
                guard let tensor = file[name], tensor.shape == shape else { return nil }
                file.file.forEachPiece(of: tensor.byteRange) { fingerprint.update($0) }
                if let scales = file[WeightPrecision.scales(of: name)] {
                    file.file.forEachPiece(of: scales.byteRange) { fingerprint.update($0) }
                }
            }
            let found = Self.text(fingerprint, configuration)
            guard file.metadata[ModelFile.Key.preparedFrom] == found else { return nil }
            self.file = file
        #else
            return nil
        #endif
    }

    func block(_ name: String, count: Int) -> AlignedFloats? {
        guard let tensor = file[Self.prefix + name], tensor.elementType == .float32,
            tensor.shape == [Self.stored(count)]
        else { return nil }
        return file.withBytes(of: tensor) { bytes in
            guard let base = bytes.baseAddress, UInt(bitPattern: base) % 64 == 0 else { return nil }
            // Sound: the tensor has at least `count` floats, aligned, read-only and never written, and the mapping stays
            // as long as its file object, which the block keeps.
            let floats = UnsafeBufferPointer(start: base.assumingMemoryBound(to: Float.self), count: count)
            return AlignedFloats(reading: floats, of: file.file)
        }
    }

    /// What the metadata say of a section for `kernels`.
    static func tag(_ kernels: Kernels) -> String { "\(kernels.name)/\(version)" }

    /// What the metadata say of the tensors that a section is made of.
    static func text(_ fingerprint: Fingerprint, _ configuration: ModelConfiguration) -> String {
        "\(fingerprint.text)/\(configuration.window)"
    }

    /// The blocks of preparations for the same kernels as tensors to write, what they have in common once.
    static func tensors(_ preparations: [Preparation]) -> [SafetensorsWriter.Tensor] {
        var known: Set<ByteText> = []
        let blocks = preparations.flatMap(\.blocks).filter { known.insert(ByteText($0.name)).inserted }
        return blocks.map { name, floats in
            .init(name: prefix + name, elementType: .float32, shape: [stored(floats.count)]) { sink in
                try floats.withFloats { try sink(UnsafeRawBufferPointer($0)) }
                let padding = [Float](repeating: 0, count: stored(floats.count) - floats.count)
                try padding.withUnsafeBytes { try sink($0) }
            }
        }
    }

    private static func stored(_ count: Int) -> Int { (count + line - 1) / line * line }
}

/// The tensors of a safetensors file as weights, those of a `WeightPrecision` among them.
private struct SafetensorsWeights: WeightSource {
    let file: SafetensorsFile

    func shape(of name: String) -> [Int]? { file[name]?.shape }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        do {
            let values = try file.floats(name, shape: shape)
            let scales = WeightPrecision.scales(of: name)
            guard file[name]?.elementType == .int8, file[scales] != nil, let rows = shape.first, rows > 0 else {
                return values
            }
            let expected = WeightPrecision.scaleShape(rows: rows, columns: values.count / rows)
            return WeightPrecision.scale(values, by: try file.floats(scales, shape: expected), rows: rows)
        } catch {
            throw WeightError(name: name, problem: "can't be used: \(error.description)")
        }
    }
}
