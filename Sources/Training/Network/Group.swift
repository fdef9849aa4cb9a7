import Tensors
import VadCLIP

/// The samples that go through the network together, and each thread's scratch memory.
///
/// Their number is fixed, so that memory is bounded and sums are made in one order whatever the threads. Each sample has L
/// rows of every matrix of a group, padding with it; in what follows R is the rows of all of them.
struct Group {
    /// Samples of a full group.
    static let most = 16

    let model: ModelConfiguration
    let kernels: Kernels
    let workspace: Workspace
    /// A scratch for products of each thread.
    let scratch: [MatrixView]
    let threads: Int

    init(model: ModelConfiguration, threads: Int, kernels: Kernels) {
        let workspace = Workspace()
        self.model = model
        self.kernels = kernels
        self.workspace = workspace
        self.threads = threads
        scratch = (0..<threads).map { _ in kernels.productScratch(in: workspace) }
    }

    /// A matrix with the rows of all samples.
    func matrix(columns: Int) -> MatrixView { workspace.matrix(rows: Self.most * model.length, columns: columns) }

    /// A row a sample: parts of a sum over samples.
    func partials(columns: Int) -> MatrixView { workspace.matrix(rows: Self.most, columns: columns) }

    /// A matrix for each thread.
    func scratch(rows: Int, columns: Int) -> [MatrixView] {
        (0..<threads).map { _ in workspace.matrix(rows: rows, columns: columns) }
    }

    /// A sample's rows.
    func rows(_ sample: Int) -> Range<Int> { sample * model.length..<(sample + 1) * model.length }

    /// Adds the parts of `count` samples to a gradient, in their order.
    func sum(_ parts: MatrixView, _ count: Int, to gradient: MatrixView) -> GradientTask {
        let kernels = kernels
        return { _ in for sample in 0..<count { kernels.add(parts.rows(sample..<sample + 1), to: gradient) } }
    }
}
