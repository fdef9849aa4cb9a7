/// Scratch memory of one worker: matrices reserved once, used again for every chunk.
///
/// Not `Sendable`: a workspace belongs to the thread that made it. The views it hands out point into its memory, so
/// whoever keeps a view keeps the workspace beside it; inside this package that is always the same object.
public final class Workspace {
    private var blocks: [UnsafeMutablePointer<Float>] = []

    /// An empty workspace.
    public init() {}

    deinit { for block in blocks { block.deallocate() } }

    /// A zeroed matrix that lives as long as the workspace.
    public func matrix(rows: Int, columns: Int) -> MatrixView {
        precondition(rows >= 0 && columns >= 0)
        let block = AlignedFloats.reserve(rows * columns)
        blocks.append(block)
        return MatrixView(base: block, rows: rows, columns: columns, stride: columns)
    }
}
