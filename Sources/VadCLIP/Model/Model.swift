import CLIP
import Numerics
import Platform

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
    let network: Network
    /// What padding comes to, the same for every video.
    let tail: PaddingTail

    /// Takes the weights that `preparation` has stored, and makes the others of those of `source`.
    public init(
        info: ModelInfo, configuration: ModelConfiguration, classes: ClassFeatures, weights source: some WeightSource,
        labelEncoder: LabelEncoder? = nil, in preparation: Preparation
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
        kernels = preparation.kernels
        do throws(WeightError) {
            let network = try Network(from: source, configuration: configuration, in: preparation)
            self.network = network
            tail = try PaddingTail(configuration, in: preparation) {
                ChunkScorer(
                    network: network, configuration: configuration, tail: nil, kernels: preparation.kernels
                ).padding()
            }
        } catch {
            throw .badWeights(error)
        }
    }

    /// Classes for `labels`, or the model's own where there are none.
    public func classes(for labels: [String]?) throws(ModelError) -> ClassFeatures {
        guard let labels, !ByteText.same(labels, classes.labels) else { return classes }
        guard let labelEncoder else { throw .noTextTower(model: info.name, isTrained: info.trained) }
        return try labelEncoder.classes(for: labels)
    }

    /// Throws what `classes(for:)` would throw, without the work of encoding.
    public func check(labels: [String]?) throws(ModelError) {
        guard let labels, !ByteText.same(labels, classes.labels) else { return }
        guard let labelEncoder else { throw .noTextTower(model: info.name, isTrained: info.trained) }
        _ = try labelEncoder.tokens(of: labels)
    }
}
