/// Where prepared weights are kept from one start to the next.
public protocol PreparedWeights: Sendable {
    /// The block stored under `name`, if it has exactly `count` floats.
    func block(_ name: String, count: Int) -> AlignedFloats?
}

/// Collects a model's weights in the form that its kernels take: each block is taken from where it is stored, or made.
///
/// The names and sizes of the blocks, and so what is stored, are those of the parts that ask for them.
public final class Preparation {
    /// The kernels that take the weights, and by which arithmetic.
    public let kernels: Kernels
    private let stored: (any PreparedWeights)?
    /// Every block, by name, in the order in which they were asked for.
    public private(set) var blocks: [(name: String, floats: AlignedFloats)] = []

    /// - Parameters:
    ///   - kernels: those that the weights are packed for
    ///   - stored: blocks that were prepared before for the same kernels
    public init(kernels: Kernels, stored: (any PreparedWeights)? = nil) {
        self.kernels = kernels
        self.stored = stored
    }

    /// B [inputs, outputs], packed; `make` gives it row-major.
    ///
    /// - Parameters:
    ///   - name: by which the block is stored
    ///   - inputs: rows of B
    ///   - outputs: columns of B
    ///   - compute: the arithmetic, where it is another than the kernels'
    ///   - make: gives B row-major
    public func weights(
        _ name: String, inputs: Int, outputs: Int, in compute: Compute? = nil,
        make: () throws(WeightError) -> [Float]
    ) throws(WeightError) -> PackedWeights {
        let kernels = self.kernels.computing(compute ?? self.kernels.compute)
        let count = PackedWeights.count(inputs: inputs, outputs: outputs, kernels: kernels)
        let floats = try block(PackedWeights.blockName(name, kernels: kernels), count: count) {
            () throws(WeightError) in
            let values = try make()
            return PackedWeights(inputs: inputs, outputs: outputs, inputMajor: values, kernels: kernels).floats
        }
        return PackedWeights(inputs: inputs, outputs: outputs, packed: floats, kernels: kernels)
    }

    /// A Linear layer as PyTorch stores it: `name.weight` [outputs, inputs] and `name.bias` [outputs].
    public func linear(
        _ name: String, inputs: Int, outputs: Int, from source: some WeightSource
    ) throws(WeightError) -> Linear {
        try linear(weights: name + ".weight", bias: name + ".bias", inputs: inputs, outputs: outputs, from: source)
    }

    /// The same with names of their own for weights and bias.
    public func linear(
        weights name: String, bias biasName: String, inputs: Int, outputs: Int, from source: some WeightSource
    ) throws(WeightError) -> Linear {
        let count = PackedWeights.count(inputs: inputs, outputs: outputs, kernels: kernels)
        let floats = try block(PackedWeights.blockName(name, kernels: kernels), count: count) {
            () throws(WeightError) in
            let values = try source.floats(name, shape: [outputs, inputs])
            return PackedWeights(inputs: inputs, outputs: outputs, outputMajor: values, kernels: kernels).floats
        }
        let bias = try vector(biasName, count: outputs) { () throws(WeightError) in
            try source.floats(biasName, shape: [outputs])
        }
        return Linear(
            weights: PackedWeights(inputs: inputs, outputs: outputs, packed: floats, kernels: kernels), bias: bias)
    }

    /// `count` values that are used as they are.
    public func vector(
        _ name: String, count: Int, make: () throws(WeightError) -> [Float]
    ) throws(WeightError) -> AlignedFloats {
        try block(name, count: count) { () throws(WeightError) in
            let values = try make()
            precondition(values.count == count, "as many values as were announced")
            return AlignedFloats(values)
        }
    }

    /// `name.weight` and `name.bias` of a LayerNorm, both [width].
    public func layerNorm(
        _ name: String, width: Int, from source: some WeightSource
    ) throws(WeightError) -> LayerNorm {
        LayerNorm(
            gain: try vector(name + ".weight", count: width) { () throws(WeightError) in
                try source.floats(name + ".weight", shape: [width])
            },
            shift: try vector(name + ".bias", count: width) { () throws(WeightError) in
                try source.floats(name + ".bias", shape: [width])
            })
    }

    /// A matrix [rows, columns] that is read row by row.
    public func matrix(
        _ name: String, rows: Int, columns: Int, make: () throws(WeightError) -> [Float]
    ) throws(WeightError) -> ConstantMatrix {
        ConstantMatrix(rows: rows, columns: columns, floats: try vector(name, count: rows * columns, make: make))
    }

    private func block(
        _ name: String, count: Int, make: () throws(WeightError) -> AlignedFloats
    ) throws(WeightError) -> AlignedFloats {
        let floats = if let found = stored?.block(name, count: count) { found } else { try make() }
        blocks.append((name, floats))
        return floats
    }
}

/// Named tensors that weights are prepared from: a checkpoint, a model file, a test's dictionary.
public protocol WeightSource: Sendable {
    /// Shape of a tensor, or nil where there is none of that name.
    func shape(of name: String) -> [Int]?

    /// The tensor's values as float32, row-major, if it has exactly `shape`.
    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float]
}

/// A tensor that is missing, has another shape, or can't be read.
public struct WeightError: Error, Equatable, CustomStringConvertible {
    /// The tensor's name.
    public let name: String
    /// What is wrong with it, a clause.
    public let problem: String
    /// The file that it should be in, where that is known.
    public let file: String?

    /// Joins the tensor and its fault.
    public init(name: String, problem: String, file: String? = nil) {
        self.name = name
        self.problem = problem
        self.file = file
    }

    /// One sentence for a person.
    public var description: String { (file.map { "\($0): " } ?? "") + "tensor '\(name)' \(problem)" }
}
