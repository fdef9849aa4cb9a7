import CLIP
import Formats
import Platform
import Tensors

/// An image tower that will be kept in a file.
struct ImagePlan {
    let source: ImageSource
    let precision: WeightPrecision
    /// The kernels that it is also stored prepared for, each with an arithmetic.
    let prepared: [Kernels]
    /// SHA-256 of the file that it comes from.
    let sourceSHA256: String

    private var configuration: ImageTower.Configuration { source.configuration }
    private var kept: RoundedWeights<ImageSource> { RoundedWeights(base: source, precision: precision) }

    /// What the file has of it.
    struct Parts {
        let metadata: [ByteText: String]
        let prepared: [SafetensorsWriter.Tensor]
        let tensors: [SafetensorsWriter.Tensor]
    }

    /// Records the self-test and prepares the weights.
    func parts() throws -> Parts {
        typealias Key = ModelFile.Key
        let published = configuration.tensors.flatMap { precision.tensors($0.name, $0.shape, of: source) }
        var digest = SHA256()
        for tensor in published { try tensor.write(to: { digest.update($0) }) }
        var metadata: [ByteText: String] = [
            ByteText(Key.imageDigest): digest.hexDigest, ByteText(Key.imageSource): sourceSHA256,
        ]
        let test = try test
        guard test.features.firstNotFinite == nil else {
            throw ModelError.notAModel(
                "\(source.file.path): the image tower's weights are finite and its features are not: they can't be used"
            )
        }
        for (compute, difference) in test.differences { metadata[ImageDifference.key(compute)] = difference.text }
        let preparations = try prepared.map { kernels in
            let preparation = Preparation(kernels: kernels)
            _ = try ImageTower(from: kept, configuration: configuration, in: preparation)
            return preparation
        }
        if !preparations.isEmpty {
            metadata[Key.imagePrepared] = PreparedSection.text(try PreparedSection.fingerprint(of: published))
        }
        let features = SafetensorsWriter.Tensor(name: ModelFile.Name.testImage, shape: [1, configuration.outputWidth]) {
            test.features.values
        }
        return Parts(
            metadata: metadata, prepared: PreparedSection.tensors(preparations), tensors: published + [features])
    }

    /// By the reference kernels: a self-test recorded by them checks all the others.
    private var test: ImageSelfTest {
        get throws {
            func tower(_ compute: Compute) throws(WeightError) -> ImageTower {
                try ImageTower(
                    from: kept, configuration: configuration,
                    in: Preparation(kernels: .portable.computing(compute)))
            }
            var test = ImageSelfTest(recording: try tower(.float32))
            for compute in Compute.allCases where compute != .float32 { test.record(try tower(compute), compute) }
            return test
        }
    }
}

/// Writes CLIP's image tower alone to a file, from which features are made and nothing is scored.
public struct ImageImporter {
    private let plan: ImagePlan

    /// The tower's shape.
    public var configuration: ImageTower.Configuration { plan.source.configuration }

    /// Finds the tower in a file; throws `CheckpointError` or `ModelError`.
    ///
    /// - Parameters:
    ///   - file: the model file
    ///   - precision: how the file keeps weights
    ///   - prepared: the kernels that its weights are also stored prepared for: one set, with each arithmetic
    public init(file: MappedFile, precision: WeightPrecision, prepared: [Kernels]) throws {
        plan = ImagePlan(
            source: try ImageSource(file: file), precision: precision, prepared: prepared,
            sourceSHA256: FileDigest(of: file).value)
    }

    /// Whether a checkpoint holds CLIP and nothing else: every tensor is one of CLIP's own.
    public static func isOfCLIPAlone(_ file: MappedFile) -> Bool {
        guard let checkpoint = try? CheckpointSource(file: file), checkpoint.size == nil else { return false }
        let isOwn = checkpoint.names.allSatisfy { name in
            let plain = wrappers.lazy.compactMap { name.rest(after: $0).map { String($0) } }.first ?? name
            return clipNames.contains { plain.begins(with: $0) }
        }
        return isOwn && (try? ImageSource(file: file)) != nil
    }

    private static let wrappers = ["clipmodel.", "clip.", "model."]
    /// Beginnings of the names that CLIP's tensors have, OpenAI's and Hugging Face's.
    private static let clipNames = [
        "visual.", "transformer.", "token_embedding.", "positional_embedding", "text_projection", "logit_scale",
        "ln_final.",
        "input_resolution", "context_length", "vocab_size", "vision_model.", "text_model.", "visual_projection.",
    ]

    /// Writes the file; nothing is left at `path` where this throws.
    public func write(to path: String) throws {
        typealias Key = ModelFile.Key
        let parts = try plan.parts()
        var metadata = parts.metadata
        metadata[ByteText(Key.format)] = ImageFile.format
        metadata[ByteText(Key.version)] = ImageFile.version
        metadata[ByteText(Key.precision)] = plan.precision.rawValue
        if let prepared = plan.prepared.first { metadata[ByteText(Key.prepared)] = PreparedSection.tag(prepared) }
        try SafetensorsWriter(metadata: metadata, tensors: parts.prepared + parts.tensors).write(to: path) { written in
            for kernels in Kernels.available {
                do {
                    try KeptImageTower.check(try MappedFile(path: written), kernels)
                } catch let error as ModelError {
                    throw ModelError.notAModel(
                        "no file was written, as it would not load with the \(kernels.name) kernels: \(error.description)"
                    )
                }
            }
            guard plan.source.file.isUnchanged else {
                throw ModelError.notAModel(
                    "no file was written: \(plan.source.file.path) was written to while it was read; put another in its place "
                        + "by renaming")
            }
        }
    }
}
