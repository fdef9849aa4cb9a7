import Tensors

/// What a family of models puts around CLIP's text transformer to make text features of labels.
///
/// K labels, T the positions of a text up to its end token, d the tower's width.
public protocol TextStyle: Sendable {
    /// What stands at a position that holds no token, d values; the position's own embedding is added to it.
    func filler(at position: Int) -> ArraySlice<Float>

    /// Changes x [T, d] as the block `index` has left it, in place; `scratch` [T, d] is overwritten.
    func adapt(_ x: MatrixView, behind index: Int, scratch: MatrixView, kernels: Kernels)

    /// Text features [K, outputWidth] of the rows at the end tokens [K, d], behind the last norm.
    func finish(_ ends: MatrixView, into features: MatrixView, kernels: Kernels)
}

/// VadCLIP's: a learned embedding at each position beside the label's words, and CLIP's text projection.
///
/// Spec: "Forward pass", step 5. Of the `context` positions each first gets the learned prompt embedding of that
/// position; then position 0 gets the start token's, prefix+1 … prefix+m the m word tokens', and prefix+m+1+postfix the
/// end token's embedding.
public struct LearnedPrompt: TextStyle {
    private let prompt: [Float]
    private let width: Int
    private let projection: Linear

    /// Reads the prompt and the projection.
    public init(
        from source: some WeightSource, configuration: TextTower.Configuration, kernels: Kernels
    ) throws(WeightError) {
        width = configuration.width
        prompt = try source.floats(TextTower.Names.prompt, shape: [configuration.context, width])
        projection = Linear(
            weights: PackedWeights(
                inputs: width, outputs: configuration.outputWidth,
                inputMajor: try source.floats(
                    TextTower.Names.projection, shape: [width, configuration.outputWidth]),
                kernels: kernels))
    }

    /// The learned embedding of the position.
    public func filler(at position: Int) -> ArraySlice<Float> { prompt[position * width..<(position + 1) * width] }

    /// Leaves x as it is.
    public func adapt(_ x: MatrixView, behind index: Int, scratch: MatrixView, kernels: Kernels) {}

    /// Projects; the features are not normalised.
    public func finish(_ ends: MatrixView, into features: MatrixView, kernels: Kernels) {
        kernels.product(ends, projection, into: features)
    }
}
