import Tensors
import VadCLIP

/// The trained tensors of a model, in the published order, one behind another in a single block.
public struct ParameterLayout: Sendable, Equatable {
    /// One tensor's place.
    public struct Tensor: Sendable, Equatable {
        /// The published name.
        public let name: String
        /// The published shape.
        public let shape: [Int]
        /// Its floats in the block.
        public let range: Range<Int>

        /// Rows and columns of the tensor seen as a matrix: a vector is one row, a kernel [h, d, 5] has h rows.
        var rowsAndColumns: (rows: Int, columns: Int) {
            shape.count == 1 ? (1, shape[0]) : (shape[0], shape.dropFirst().reduce(1, *))
        }
    }

    /// The width of the distance graph, a tensor that is kept, written and used by nobody.
    public static let sigma = "disAdj.sigma"
    /// The learned prompt, [context, text width].
    public static let prompt = "text_prompt_embeddings.weight"
    /// P, [L, d].
    static let positions = "frame_position_embeddings.weight"

    /// The tensors, in the published order.
    public let tensors: [Tensor]
    private let indexes: [String: Int]

    /// Floats of all tensors.
    public var count: Int { tensors.last?.range.upperBound ?? 0 }

    /// The tensors that training changes.
    ///
    /// - Parameters:
    ///   - model: the model's shape
    ///   - context: positions of a text, 77 in CLIP
    ///   - textWidth: width of the text transformer
    public init(_ model: ModelConfiguration, context: Int = 77, textWidth: Int) {
        var all: [(name: String, shape: [Int])] = []
        for tensor in model.tensors {
            all.append(tensor)
            if tensor.name == "gc4.weight" { all.append((Self.sigma, [1])) }
        }
        self.init(all + [(Self.prompt, [context, textWidth])])
    }

    /// Tensors of these names and shapes, in their order.
    init(_ all: [(name: String, shape: [Int])]) {
        var tensors: [Tensor] = []
        for (name, shape) in all {
            let start = tensors.last?.range.upperBound ?? 0
            tensors.append(Tensor(name: name, shape: shape, range: start..<start + shape.reduce(1, *)))
        }
        self.tensors = tensors
        indexes = Dictionary(tensors.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Where a tensor that must be there stands among them.
    func index(of name: String) -> Int { indexes[name, default: tensors.endIndex] }

    /// The tensor called `name`.
    public subscript(name: String) -> Tensor? { indexes[name].map { tensors[$0] } }
}

/// Values of a model's trained tensors.
public struct Parameters: Sendable, Equatable, WeightSource {
    /// Names, shapes and places.
    public let layout: ParameterLayout
    /// The values, tensor after tensor.
    public var values: [Float]

    /// Takes as many values as the layout has places.
    public init(layout: ParameterLayout, values: [Float]) {
        precondition(values.count == layout.count, "as many values as the layout has places")
        self.layout = layout
        self.values = values
    }

    /// Reads the tensors of a checkpoint; sigma, which nobody uses, is 0.1 where it has none.
    public init(layout: ParameterLayout, from source: some WeightSource) throws(WeightError) {
        self.layout = layout
        var values: [Float] = []
        values.reserveCapacity(layout.count)
        for tensor in layout.tensors {
            if tensor.name == ParameterLayout.sigma, source.shape(of: tensor.name) == nil {
                values.append(0.1)
            } else {
                values += try source.floats(tensor.name, shape: tensor.shape)
            }
        }
        self.values = values
    }

    /// Shape of a tensor.
    public func shape(of name: String) -> [Int]? { layout[name]?.shape }

    /// The tensor's values.
    public func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        guard let tensor = layout[name] else { throw WeightError(name: name, problem: "is not among those trained") }
        guard tensor.shape == shape else {
            throw WeightError(name: name, problem: "has shape \(tensor.shape): expected \(shape)")
        }
        return Array(values[tensor.range])
    }

    /// Euclidean norm of each tensor, in the published order.
    public var norms: [(name: String, norm: Float)] {
        layout.tensors.map { ($0.name, Self.norm(values[$0.range])) }
    }

    /// Euclidean norm, its sum in double precision.
    static func norm(_ values: ArraySlice<Float>) -> Float {
        Float(values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot())
    }
}
