import CLIP
import Formats
import Platform
import Tensors

/// Weights that training has made, over the CLIP that they were trained with: what a model file, and a checkpoint with the
/// published names, are made of.
public struct TrainedWeights: NamedWeights {
    /// A trained tensor.
    public struct Tensor: Sendable {
        /// Its published name.
        public let name: String
        /// Its shape.
        public let shape: [Int]
        /// Its values, row-major.
        public let values: [Float]

        /// A tensor with as many values as its shape has.
        public init(name: String, shape: [Int], values: [Float]) {
            precondition(shape.reduce(1, *) == values.count, "the shape does not fit the values")
            self.name = name
            self.shape = shape
            self.values = values
        }
    }

    /// `disAdj.sigma` of the published model, which nothing reads.
    private static let unused = Tensor(name: "disAdj.sigma", shape: [1], values: [0.1])

    private let trained: [Tensor]
    private let indexes: [ByteText: Int]
    fileprivate let clip: CheckpointSource

    /// - Parameters:
    ///   - trained: VadCLIP's own tensors and the learned prompt, in the published order
    ///   - clip: where the tensors under `clipmodel.` are
    public init(_ trained: [Tensor], clip: CheckpointSource) {
        self.trained = trained
        self.clip = clip
        indexes = Dictionary(
            trained.enumerated().map { (ByteText($1.name), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Names in the published order: VadCLIP's own, CLIP's, the embeddings.
    public var names: [String] {
        let own = trained.map(\.name).filter { !isEmbedding($0) }
        let graphs = own.lastIndex { $0.begins(with: "gc") }.map { $0 + 1 } ?? own.count
        let sigma = indexes[Self.unused.name] == nil ? [Self.unused.name] : []
        return own[..<graphs] + sigma + own[graphs...] + clipNames + trained.map(\.name).filter(isEmbedding)
    }

    private var clipNames: [String] {
        clip.names.filter { $0.begins(with: "clipmodel.") && clip.shape(of: $0) != nil }
    }

    private func isEmbedding(_ name: String) -> Bool {
        name.hasBytes(of: ModelFile.Name.positions) || name.hasBytes(of: TextTower.Names.prompt)
    }

    private func tensor(_ name: String) -> Tensor? {
        indexes[name].map { trained[$0] } ?? (name == Self.unused.name ? Self.unused : nil)
    }

    /// Shape of the tensor of that name.
    public func shape(of name: String) -> [Int]? { tensor(name)?.shape ?? clip.shape(of: name) }

    /// The tensor's values; throws where there is none of that shape, or one is not finite.
    public func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        guard let tensor = tensor(name) else { return try clip.floats(name, shape: shape) }
        guard tensor.shape == shape else {
            throw WeightError(name: name, problem: "has shape \(tensor.shape): expected \(shape)")
        }
        guard tensor.values.allSatisfy(\.isFinite) else {
            throw WeightError(name: name, problem: "holds what is not finite: the training has diverged")
        }
        return tensor.values
    }

    /// Writes a checkpoint with the published names, CLIP's whole beside them: as `torch.save` does, or as safetensors.
    ///
    /// - Parameters:
    ///   - path: the file, which appears whole
    ///   - isTorch: a .pth
    ///   - metadata: further entries of the head of a safetensors file
    public func writeCheckpoint(to path: String, isTorch: Bool, metadata: [ByteText: String] = [:]) throws {
        let all = names.map { name in (name: name, shape: shape(of: name) ?? []) }
        if isTorch {
            try TorchWriter(
                tensors: all.map { tensor in
                    .init(name: tensor.name, shape: tensor.shape) { try floats(tensor.name, shape: tensor.shape) }
                }
            ).write(to: path)
        } else {
            try SafetensorsWriter(
                metadata: metadata,
                tensors: all.map { tensor in
                    .init(name: tensor.name, shape: tensor.shape) { try floats(tensor.name, shape: tensor.shape) }
                }
            ).write(to: path)
        }
    }
}

/// The model file that training ends with.
public struct TrainedModel {
    /// The weights.
    public var weights: TrainedWeights
    /// Shape, window and labels.
    public var configuration: ModelConfiguration
    /// The text tower with the prompt's lengths.
    public var tower: TextTower.Configuration
    /// The labels' word tokens.
    public var tokens: [[Int]]
    /// The model's name.
    public var name: String
    /// SHA-256 of CLIP's checkpoint, in hexadecimal.
    public var clipSHA256: String
    /// CLIP's vocabulary, where the text tower is to be kept in the file.
    public var vocabulary: String?
    /// How it was trained, as JSON.
    public var training: String
    /// What is to be said wherever its scores are.
    public var caveat: String?
    /// The image tower to keep beside, which made the features that it was trained on.
    public var imageTower: ImageSource?

    /// Takes the parts as they are.
    public init(
        weights: TrainedWeights, configuration: ModelConfiguration, tower: TextTower.Configuration, tokens: [[Int]],
        name: String, clipSHA256: String, vocabulary: String?, training: String
    ) {
        self.weights = weights
        self.configuration = configuration
        self.tower = tower
        self.tokens = tokens
        self.name = name
        self.clipSHA256 = clipSHA256
        self.vocabulary = vocabulary
        self.training = training
    }

    /// Writes the model file, as importing does; nothing is left at `path` where this throws.
    ///
    /// - Parameters:
    ///   - path: the file
    ///   - prepared: the kernels that the weights are also stored prepared for
    public func write(to path: String, prepared: Kernels?) throws {
        let prepared = prepared.map { [$0] } ?? []
        let image = imageTower.map { source in
            ImagePlan(
                source: source, precision: .float32, prepared: prepared,
                sourceSHA256: FileDigest(of: source.file).value)
        }
        let maker = ModelMaker(
            weights: weights, configuration: configuration, tower: tower, tokens: tokens, name: name, trained: true,
            caveat: caveat, origin: weights.clip.file, source: clipSHA256, vocabulary: vocabulary, precision: .float32,
            prepared: prepared, training: training, image: image)
        _ = try maker.write(to: path)
    }
}
