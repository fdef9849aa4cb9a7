import CLIP
import Formats
import Platform
import Tensors

/// CLIP's image tower under the published names, whoever saved it: in a VadCLIP checkpoint, as OpenAI's archive or state
/// dict, by Hugging Face's names, or kept in a model file.
public struct ImageSource: WeightSource {
    /// The file.
    public let file: MappedFile
    /// The tower's shape.
    public let configuration: ImageTower.Configuration
    private let weights: any WeightSource

    /// A name that tells whose names a file has.
    private static let mark = "visual.class_embedding"

    /// Finds the tower in a file; throws `CheckpointError` or `ModelError` where there is none, or one that can't be run.
    public init(file: MappedFile) throws {
        if FileKind.detect(file) == .safetensors {
            let tensors = try? SafetensorsFile(file: file)
            if let tensors, let kept = try ImageFile(in: tensors) {
                self.init(file, kept.weights, kept.configuration)
                return
            }
        }
        var weights: any WeightSource = try CheckpointSource(file: file, mark: Self.mark, isOfCLIP: true)
        if weights.shape(of: ImageTower.Names.token) == nil {
            weights = HuggingFaceImage(
                base: try CheckpointSource(file: file, mark: HuggingFaceImage.mark, isOfCLIP: false))
        }
        guard weights.shape(of: ImageTower.Names.token) != nil else {
            throw ModelError.notAModel(
                "\(file.path) has no CLIP image tower: expected tensors as '\(Self.mark)', in a published checkpoint or "
                    + "openai/CLIP's ViT-B-16.pt, or as '\(HuggingFaceImage.mark)', in a CLIPModel of Hugging Face")
        }
        self.init(file, weights, try ModelFile.imageShape(of: weights, in: file.path))
    }

    /// Throws where its features are of another width than a model's rows.
    public func check(width: Int) throws(ModelError) {
        try ImageFile.check(configuration, width: width, in: file.path)
    }

    /// The tower that a checkpoint of a family has itself.
    init(in checkpoint: CheckpointSource) throws(ModelError) {
        guard checkpoint.shape(of: ImageTower.Names.token) != nil else {
            throw checkpoint.bad(
                ImageTower.Names.token,
                "is missing: the checkpoint has no CLIP image tower; --image-tower names a file that has it")
        }
        self.init(
            checkpoint.file, checkpoint, try ModelFile.imageShape(of: checkpoint, in: checkpoint.file.path))
    }

    private init(_ file: MappedFile, _ weights: any WeightSource, _ configuration: ImageTower.Configuration) {
        self.file = file
        self.weights = weights
        self.configuration = configuration
    }

    /// Shape of the tensor of that published name.
    public func shape(of name: String) -> [Int]? { weights.shape(of: name) }

    /// The tensor's values; throws where there is none of that shape, or one is not finite.
    public func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        do throws(WeightError) { return try weights.floats(name, shape: shape) } catch {
            throw WeightError(name: error.name, problem: error.problem, file: error.file ?? file.path)
        }
    }
}

/// The image tower of a CLIPModel of Hugging Face's, or of its vision half with the projection.
struct HuggingFaceImage: WeightSource {
    let base: CheckpointSource

    /// A name that it has.
    static let mark = "vision_model.embeddings.class_embedding"

    private typealias Names = ImageTower.Names

    /// Where a published tensor is there.
    private enum Place {
        case one(String)
        /// Rows and columns change places.
        case transposed(String)
        /// One below the other.
        case stacked([String])
    }

    private static let outside: [String: Place] = [
        Names.token: .one(mark),
        Names.positions: .one("vision_model.embeddings.position_embedding.weight"),
        Names.patches: .one("vision_model.embeddings.patch_embedding.weight"),
        Names.projection: .transposed("visual_projection.weight"),
        Names.prefix + "ln_pre.weight": .one("vision_model.pre_layrnorm.weight"),
        Names.prefix + "ln_pre.bias": .one("vision_model.pre_layrnorm.bias"),
        Names.prefix + "ln_post.weight": .one("vision_model.post_layernorm.weight"),
        Names.prefix + "ln_post.bias": .one("vision_model.post_layernorm.bias"),
    ]

    private static let inside: [String: String] = [
        "attn.out_proj": "self_attn.out_proj", "ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1",
        "mlp.c_proj": "mlp.fc2",
    ]

    private static func place(of name: String) -> Place? {
        if let place = outside[name] { return place }
        guard let rest = name.rest(after: Names.prefix + "transformer.resblocks.") else { return nil }
        let pieces = String(rest).pieces(between: ASCII.dot)
        guard pieces.count >= 3, let kind = pieces.last else { return nil }
        let layer = "vision_model.encoder.layers.\(pieces[0])."
        let part = pieces[1..<pieces.count - 1].joined(separator: ".")
        if let found = inside[part] { return .one("\(layer)\(found).\(kind)") }
        let packed = "attn.in_proj_"
        guard let suffix = pieces[1...].joined(separator: ".").rest(after: packed) else { return nil }
        return .stacked(["q", "k", "v"].map { "\(layer)self_attn.\($0)_proj.\(suffix)" })
    }

    func shape(of name: String) -> [Int]? {
        switch Self.place(of: name) {
        case .one(let found)?: base.shape(of: found)
        case .transposed(let found)?: base.shape(of: found).map { $0.reversed() }
        case .stacked(let parts)?:
            stacked(parts.compactMap { base.shape(of: $0) })
        case nil: nil
        }
    }

    /// Rows below rows; nil where there are none, or more than can be.
    private func stacked(_ shapes: [[Int]]) -> [Int]? {
        var rows = 0
        for shape in shapes {
            guard let first = shape.first else { return nil }
            let (sum, overflows) = rows.addingReportingOverflow(first)
            guard !overflows else { return nil }
            rows = sum
        }
        return shapes.last.map { [rows] + $0.dropFirst() }
    }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        switch Self.place(of: name) {
        case .one(let found)?: return try base.floats(found, shape: shape)
        case .transposed(let found)?:
            guard shape.count == 2 else { break }
            let values = try base.floats(found, shape: shape.reversed())
            return Matrix(rows: shape[1], columns: shape[0], values: values).transposed.values
        case .stacked(let parts)?:
            var all: [Float] = []
            for part in parts { all += try base.floats(part, shape: [shape[0] / parts.count] + shape.dropFirst()) }
            return all
        case nil: break
        }
        throw WeightError(name: name, problem: "is missing")
    }
}
