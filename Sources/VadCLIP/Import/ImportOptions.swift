import Numerics

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
