import Tensors

/// Whoever shares out tasks among threads.
public protocol TaskSharing {
    /// Threads, the caller's among them.
    var threads: Int { get }

    /// Calls `body` with each of `tasks` and the thread that does it, from 0 on, and returns when all are done.
    func run(_ tasks: Int, _ body: @escaping (_ task: Int, _ thread: Int) -> Void)
}

/// The caller's thread alone.
public struct OneThread: TaskSharing {
    /// The thread.
    public init() {}

    /// One.
    public var threads: Int { 1 }

    /// Calls `body` with each task, one after another.
    public func run(_ tasks: Int, _ body: @escaping (_ task: Int, _ thread: Int) -> Void) {
        for task in 0..<tasks { body(task, 0) }
    }
}

/// The memory in which an image tower computes, reserved once for a number of images and of threads.
///
/// Not `Sendable`: one batch at a time goes through it, begun by the thread that made it.
public final class ImageScratch {
    /// Images of a batch, at most.
    public let images: Int
    let configuration: ImageTower.Configuration
    private let crew: any TaskSharing
    private let workspace = Workspace()
    private let memories: [ThreadMemory]
    private let x: MatrixView
    private let projected: MatrixView
    private let mixed: MatrixView
    private let last: LastRows

    /// Reserves memory for batches of `images` for `tower`, which the threads of `crew` compute.
    public init(for tower: ImageTower, images: Int, crew: any TaskSharing = OneThread()) {
        let shape = tower.configuration
        let (count, d) = (max(1, images), shape.width)
        let rows = count * shape.rows
        self.images = count
        self.crew = crew
        configuration = shape
        x = workspace.matrix(rows: rows, columns: d)
        projected = workspace.matrix(rows: rows, columns: 3 * d)
        mixed = workspace.matrix(rows: rows, columns: d)
        last = LastRows(in: workspace, images: count, shape, kernels: tower.kernels)
        let part = min(rows, RowParts.most)
        memories = (0..<max(1, crew.threads)).map { _ in ThreadMemory(rows: part, shape, kernels: tower.kernels) }
    }

    func batch(of images: Int) -> ImageBatch {
        precondition(images <= self.images)
        let rows = 0..<images * configuration.rows
        return ImageBatch(
            images: images, rows: configuration.rows, heads: configuration.heads, x: x.rows(rows),
            projected: projected.rows(rows), mixed: mixed.rows(rows), last: last.rows(0..<images), crew: crew,
            memories: memories)
    }
}

/// The images that go through the tower together, and where their rows are.
struct ImageBatch {
    let images: Int
    /// Rows of one image.
    let rows: Int
    let heads: Int
    /// Rows of all images, [images · rows, d].
    let x: MatrixView
    /// Queries, keys and values of them, [images · rows, 3d].
    let projected: MatrixView
    /// What attention mixed of the values, [images · rows, d].
    let mixed: MatrixView
    let last: LastRows
    let crew: any TaskSharing
    let memories: [ThreadMemory]

    /// The rows of the class tokens.
    func classRows(of x: MatrixView) -> MatrixView { x.everyRow(of: rows) }

    /// Calls `body` with parts of all rows, on the crew's threads.
    func shareRows(_ body: @escaping (Range<Int>, ThreadMemory) -> Void) {
        let parts = RowParts(rows: images * rows, threads: crew.threads)
        crew.run(parts.count) { [memories] task, thread in body(parts[task], memories[thread]) }
    }

    /// Calls `body` with the rows of each image and the columns of each head, on the crew's threads.
    func shareHeads(_ body: @escaping (Range<Int>, Range<Int>, ThreadMemory) -> Void) {
        let (rows, heads, width) = (rows, heads, ImageTower.Configuration.headWidth)
        crew.run(images * heads) { [memories] task, thread in
            let (image, head) = (task / heads, task % heads)
            body(image * rows..<(image + 1) * rows, head * width..<(head + 1) * width, memories[thread])
        }
    }
}

/// How rows are cut into parts that stay in a core's cache, as many for each thread.
struct RowParts {
    /// The most rows of a part, about those of an image: of whole tiles of the kernels, which have 6 or 12 rows.
    static let most = 204
    private static let tile = 12

    let rows: Int
    let count: Int
    private var tiles: Int { (rows + Self.tile - 1) / Self.tile }

    init(rows: Int, threads: Int) {
        let threads = max(1, threads)
        let tiles = (rows + Self.tile - 1) / Self.tile
        let rounds = (rows + Self.most * threads - 1) / (Self.most * threads)
        self.rows = rows
        count = max(1, min(tiles, rounds * threads))
    }

    subscript(part: Int) -> Range<Int> {
        min(rows, part * tiles / count * Self.tile)..<min(rows, (part + 1) * tiles / count * Self.tile)
    }
}

/// The class tokens' rows on their way through the last block, [images, …].
struct LastRows {
    let x: MatrixView
    let normed: MatrixView
    let queries: MatrixView
    let mixed: MatrixView
    let hidden: MatrixView
    let features: MatrixView
    /// For products of fewer bits.
    let narrow: NarrowScratch?

    init(in workspace: Workspace, images n: Int, _ shape: ImageTower.Configuration, kernels: Kernels) {
        let d = shape.width
        x = workspace.matrix(rows: n, columns: d)
        normed = workspace.matrix(rows: n, columns: d)
        queries = workspace.matrix(rows: n, columns: d)
        mixed = workspace.matrix(rows: n, columns: d)
        hidden = workspace.matrix(rows: n, columns: 4 * d)
        features = workspace.matrix(rows: n, columns: shape.outputWidth)
        narrow = workspace.narrowScratch(rows: n, inputs: 4 * d, for: kernels)
    }

    private init(_ all: LastRows, _ range: Range<Int>) {
        x = all.x.rows(range)
        normed = all.normed.rows(range)
        queries = all.queries.rows(range)
        mixed = all.mixed.rows(range)
        hidden = all.hidden.rows(range)
        features = all.features.rows(range)
        narrow = all.narrow
    }

    func rows(_ range: Range<Int>) -> LastRows { LastRows(self, range) }
}

/// One thread's own matrices.
final class ThreadMemory {
    /// Queries that are looked at together: their weights stay in the cache from the keys to the values.
    private static let tile = 48

    let normed: MatrixView
    let hidden: MatrixView
    let patches: MatrixView
    /// For products of fewer bits.
    let narrow: NarrowScratch?
    private let scores: MatrixView
    private let keys: ChangingWeights
    private let values: ChangingWeights
    private let workspace = Workspace()

    init(rows: Int, _ shape: ImageTower.Configuration, kernels: Kernels) {
        let (d, pixels, r) = (shape.width, 3 * shape.patch * shape.patch, shape.rows)
        let widest = max(4 * d, pixels)
        normed = workspace.matrix(rows: rows, columns: d)
        narrow = workspace.narrowScratch(rows: rows, inputs: widest, for: kernels)
        let wide = workspace.matrix(rows: 1, columns: rows * widest)
        hidden = wide.columns(0..<rows * 4 * d).reshaped(rows: rows, columns: 4 * d)
        patches = wide.columns(0..<rows * pixels).reshaped(rows: rows, columns: pixels)
        scores = workspace.matrix(rows: min(r, Self.tile), columns: (r + 15) / 16 * 16)
        keys = ChangingWeights(inputs: ImageTower.Configuration.headWidth, outputs: r, kernels: kernels)
        values = ChangingWeights(inputs: r, outputs: ImageTower.Configuration.headWidth, kernels: kernels)
    }

    /// softmax(q kᵀ) v of one head of one image; the queries are scaled already.
    ///
    /// - Parameters:
    ///   - queries: [m, 64]
    ///   - k, v: [rows, 64]
    ///   - mixed: [m, 64]
    func attend(
        _ queries: MatrixView, keys k: MatrixView, values v: MatrixView, into mixed: MatrixView, kernels: Kernels
    ) {
        keys.pack(outputMajor: k)
        values.pack(inputMajor: v)
        for top in stride(from: 0, to: queries.rows, by: Self.tile) {
            let rows = top..<min(top + Self.tile, queries.rows)
            let (whole, part) = (scores.rows(0..<rows.count), scores.rows(0..<rows.count).columns(0..<k.rows))
            kernels.product(queries.rows(rows), keys, into: part)
            // Rows of whole vectors: what is beyond the keys has no weight.
            whole.columns(k.rows..<whole.columns).fill(-.infinity)
            kernels.softmax(whole)
            kernels.product(part, values, into: mixed.rows(rows))
        }
    }
}
