import Tensors

/// One worker's scratch memory for scoring chunks. It depends on a model's shape alone and keeps nothing of a chunk, so that
/// chunks of all models of one shape can be scored in it, one after another.
///
/// Not `Sendable`: a worker makes its own. All of it is reserved here, once.
public final class ChunkScratch {
    /// What of a model it depends on.
    public struct Shape: Hashable, Sendable {
        let length: Int
        let width: Int
        let window: Int
        /// Kernels and arithmetic, which say what room rows of fewer bits take.
        let kernels: String

        /// The shape of a model.
        public init(of model: Model) { self.init(model.configuration, model.kernels) }

        init(_ configuration: ModelConfiguration, _ kernels: Kernels) {
            length = configuration.length
            width = configuration.width
            window = min(configuration.window, configuration.length)
            self.kernels = kernels.described
        }
    }

    let shape: Shape
    let local: LocalScratch
    let graphs: GraphScratch
    let branches: BranchScratch
    let hands: Hands
    private let workspace = Workspace()

    /// Reserves memory for chunks of a model's shape.
    ///
    /// - Parameters:
    ///   - model: the model
    ///   - second: a second thread while a chunk is scored, for as long as there is one; the logits are the same bits
    public convenience init(for model: Model, second: (any PartSharing)? = nil) {
        self.init(model.configuration, kernels: model.kernels, second: second)
    }

    init(_ configuration: ModelConfiguration, kernels: Kernels, second: (any PartSharing)? = nil) {
        shape = Shape(configuration, kernels)
        let (length, width) = (shape.length, shape.width)
        hands = workspace.hands(
            rows: max(length, ClassFeatures.most), inputs: 4 * width, for: kernels, second: second)
        local = LocalScratch(in: workspace, length: length, width: width, window: shape.window, hands: hands)
        graphs = GraphScratch(in: workspace, length: length, width: width)
        branches = BranchScratch(in: workspace, length: length, width: width, hidden: local.hidden)
    }
}
