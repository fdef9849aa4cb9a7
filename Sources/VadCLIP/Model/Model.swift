import CLIP
import Platform
import Tensors

/// A loaded model: weights prepared once, read-only, shared by all workers.
public final class Model: Sendable {
    /// Who the model is.
    public let info: ModelInfo
    /// Its shape and settings.
    public let configuration: ModelConfiguration
    /// The kernels that its weights are packed for.
    public let kernels: Kernels
    /// The model's own labels and their text features.
    public let classes: ClassFeatures
    /// Turns other labels into text features, where the text tower was kept.
    public let labelEncoder: LabelEncoder?
    /// Turns frames into features, where the image tower was kept.
    public let imageTower: KeptImageTower?
    let network: Network
    /// What padding comes to, the same for every video.
    let tail: PaddingTail

    /// Takes the weights that `preparation` has stored, and makes the others of those of `source`.
    public init(
        info: ModelInfo, configuration: ModelConfiguration, classes: ClassFeatures, weights source: some WeightSource,
        labelEncoder: LabelEncoder? = nil, imageTower: KeptImageTower? = nil, in preparation: Preparation
    ) throws(ModelError) {
        try configuration.validate()
        guard classes.features.columns == configuration.width else {
            throw .badLabels(
                "the text features are \(classes.features.columns) wide: expected \(configuration.width)")
        }
        self.info = info
        self.configuration = configuration
        self.classes = classes
        self.labelEncoder = labelEncoder
        self.imageTower = imageTower
        kernels = preparation.kernels
        do throws(WeightError) {
            let network = try Network(from: source, configuration: configuration, in: preparation)
            self.network = network
            tail = try PaddingTail(configuration, in: preparation) {
                ChunkScorer(
                    network: network, configuration: configuration, tail: nil,
                    in: ChunkScratch(configuration, kernels: preparation.kernels)
                ).padding()
            }
        } catch {
            throw .badWeights(error)
        }
    }

    /// Classes for `labels`, or the model's own where there are none.
    ///
    /// - Parameters:
    ///   - labels: the classes, the normal one first
    ///   - name: what errors call the model, where that is not its own name
    public func classes(for labels: [String]?, called name: String? = nil) throws(ModelError) -> ClassFeatures {
        guard let labels, !ByteText.same(labels, classes.labels) else { return classes }
        guard let labelEncoder else { throw .noTextTower(model: name ?? info.name, caution: info.caution) }
        return try labelEncoder.classes(for: labels)
    }

    /// Throws what `classes(for:called:)` would throw, without the work of encoding.
    public func check(labels: [String]?, called name: String? = nil) throws(ModelError) {
        guard let labels, !ByteText.same(labels, classes.labels) else { return }
        guard let labelEncoder else { throw .noTextTower(model: name ?? info.name, caution: info.caution) }
        _ = try labelEncoder.tokens(of: labels)
    }
}

/// The classes that a chunk is scored against: labels and their text features t_k.
public struct ClassFeatures: Sendable {
    /// The most classes that can be scored at once; scratch memory is reserved for as many.
    public static let most = 128

    /// Class labels; the first is the normal class.
    public let labels: [String]
    /// Text features t, [K, d].
    public let features: Matrix

    /// Joins labels and their features.
    public init(labels: [String], features: Matrix) throws(ModelError) {
        guard labels.count == features.rows else {
            throw .badLabels("\(labels.count) labels have \(features.rows) text features")
        }
        guard (1...Self.most).contains(labels.count) else {
            throw .badLabels("\(labels.count) labels: expected 1 to \(Self.most)")
        }
        self.labels = labels
        self.features = features
    }
}

/// What identifies a model to those who read its scores.
public struct ModelInfo: Sendable {
    /// Its name, `ucf-crime` for instance.
    public var name: String
    /// False where the weights are random: scores then mean nothing.
    public var trained: Bool
    /// What is to be said wherever its scores are, of whom or what they are not good for; nil where there is nothing.
    public var caveat: String?
    /// SHA-256 of the model file.
    public let digest: FileDigest
    /// SHA-256 of the model file, in hexadecimal.
    public var sha256: String { digest.value }
    /// SHA-256 of the checkpoint that it was imported from, in hexadecimal.
    public var sourceSHA256: String
    /// Its own parameters, CLIP's not counted.
    public var parameters: Int

    /// Takes the facts as they are.
    public init(
        name: String, trained: Bool, caveat: String? = nil, digest: FileDigest, sourceSHA256: String, parameters: Int
    ) {
        self.name = name
        self.trained = trained
        self.caveat = caveat
        self.digest = digest
        self.sourceSHA256 = sourceSHA256
        self.parameters = parameters
    }

    /// What a reader of its scores must know before any of them, or nil.
    public var caution: String? { Self.caution(trained: trained, caveat: caveat) }

    /// The same of what is known of a model by its results.
    public static func caution(trained: Bool, caveat: String?) -> String? {
        trained ? caveat : "untrained: random weights, the scores mean nothing"
    }
}

/// A model that can't be used, and why.
public enum ModelError: Error, Equatable, CustomStringConvertible {
    /// A setting out of range.
    case badSetting(name: String, value: String, expected: String, file: String? = nil)
    /// A tensor that is missing or wrong.
    case badWeights(WeightError)
    /// A file that is not a model file of this version.
    case notAModel(String)
    /// Scores of the self-test that the running kernels did not reproduce.
    case selfTestFailed(kernels: String, difference: Float, tolerance: Float)
    /// A feature that the running kernels did not make again.
    case imageTestFailed(kernels: String, difference: Float, tolerance: Float)
    /// An arithmetic of fewer bits whose logits were not compared when the model's file was made, or were too far off.
    case computeUnchecked(Compute)
    /// The same of an image tower's features.
    case imageComputeUnchecked(Compute)
    /// Labels that can't be scored against.
    case badLabels(String)
    /// The text tower was not kept at import.
    case noTextTower(model: String, caution: String?)

    /// One sentence for a person.
    public var description: String {
        switch self {
        case .badSetting(let name, let value, let expected, let file):
            (file.map { "\($0): " } ?? "") + "the model's \(name) is \(value): expected \(expected)"
        case .badWeights(let error): error.description
        case .notAModel(let reason): reason
        case .selfTestFailed(let kernels, let difference, let tolerance):
            "the self-test failed: with the \(kernels) kernels a logit differs by \(difference) from the one recorded "
                + "at import, at most \(tolerance) is allowed"
        case .imageTestFailed(let kernels, let difference, let tolerance):
            "the image tower's self-test failed: with the \(kernels) kernels a feature differs by \(difference) from the one "
                + "recorded at import, at most \(tolerance) is allowed"
        case .computeUnchecked(let compute):
            "the model can't be computed in \(compute.rawValue): when its file was made, its logits in \(compute.rawValue) "
                + "were not compared with float32's, or were too far from them; import it again, or use --compute float32"
        case .imageComputeUnchecked(let compute):
            "the image tower can't be computed in \(compute.rawValue): when its file was made, its feature in "
                + "\(compute.rawValue) was not compared with float32's, or was too far from it; import it again, or use "
                + "--compute float32"
        case .badLabels(let reason): reason
        case .noTextTower(let model, let caution):
            "model '\(model)'\(caution.map { " (\($0))" } ?? "") has no text tower, so that it scores its own labels only"
                + (caution == nil ? "" : ", as the embedded demo model does")
                + ": others are for a model that was imported with --keep-text-tower and --vocab, CLIP's vocabulary, and is "
                + "scored with or served by --model"
        }
    }
}
