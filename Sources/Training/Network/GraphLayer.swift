import Tensors
import VadCLIP

/// The global module, forwards and backwards: graph convolutions over similarity and distance, and the join.
///
/// Spec: "Forward pass", step 3. h is d / 2; the left half of the columns belongs to the similarity graph, the right half to
/// the distance graph. Matrices are [R, ...]; a sample's rows are computed by one thread, n of them valid.
final class GraphLayer {
    /// Similarities not above this become 0.
    private static let threshold: Float = 0.7
    /// e^(-1/e): how much a snippet counts for its neighbour in the distance graph.
    private static let decay: Float = 0.692_200_63

    private let group: Group
    private let kernels: Kernels
    private let without: Set<Ablation>
    private let firstSimilarity: Dense
    private let firstDistance: Dense
    private let secondSimilarity: Dense
    private let secondDistance: Dense
    private let join: Dense
    private let convolution: ChangingConvolution
    private let taps: [(weight: MatrixView, gradient: MatrixView)]
    private let tapBiases: [(weight: MatrixView, gradient: MatrixView)]
    /// Both convolutions' biases side by side, [1, d].
    private let bias: MatrixView
    private let similar: Range<Int>
    private let near: Range<Int>

    /// What comes in, [R, d].
    let input: MatrixView
    /// V, [R, d].
    let output: MatrixView
    private let lengths: MatrixView
    /// Cosines above the threshold, [R, L].
    private let cosines: MatrixView
    /// The similarity graph, [R, L].
    private let graph: MatrixView
    private let mapped: MatrixView
    /// What the first convolutions come to before their activation, [R, d], and after it.
    private let first: MatrixView
    private let hidden: MatrixView
    private let mappedHidden: MatrixView
    private let second: MatrixView
    private let joined: MatrixView
    private let seen: MatrixView
    private let products: MatrixView
    private let padded: [MatrixView]
    private let tiles: Int

    init(in memory: TrainedMemory, group: Group, without: Set<Ablation>) {
        let (model, d, h) = (group.model, group.model.width, group.model.width / 2)
        self.group = group
        self.without = without
        kernels = memory.kernels
        firstSimilarity = Dense(graph: "gc1.weight", in: memory)
        firstDistance = Dense(graph: "gc3.weight", in: memory)
        secondSimilarity = Dense(graph: "gc2.weight", in: memory)
        secondDistance = Dense(graph: "gc4.weight", in: memory)
        join = Dense("linear", in: memory)
        convolution = ChangingConvolution(inputs: d, outputs: d, kernels: kernels)
        taps = ["gc1", "gc3"].map { memory.tensor($0 + ".residual.weight") }
        tapBiases = ["gc1", "gc3"].map { memory.tensor($0 + ".residual.bias") }
        bias = memory.matrix(rows: 1, columns: d)
        (similar, near) = (0..<h, h..<d)
        input = group.matrix(columns: d)
        output = group.matrix(columns: d)
        lengths = group.matrix(columns: 1)
        cosines = group.matrix(columns: model.length)
        graph = group.matrix(columns: model.length)
        mapped = group.matrix(columns: d)
        first = group.matrix(columns: d)
        hidden = group.matrix(columns: d)
        mappedHidden = group.matrix(columns: d)
        second = group.matrix(columns: d)
        joined = group.matrix(columns: d)
        tiles = (model.length + ChangingConvolution.tile - 1) / ChangingConvolution.tile
        let planes = ChangingConvolution.points * Group.most * tiles
        seen = group.workspace.matrix(rows: planes, columns: d)
        products = group.workspace.matrix(rows: planes, columns: d)
        padded = group.scratch(rows: ChangingConvolution.tile * (tiles + 1), columns: d)
    }

    /// Mixes the convolutions' kernels; `packing` comes after it.
    var merging: [GradientTask] {
        let (convolution, taps, bias) = (convolution, taps, bias)
        return [(0, similar), (1, near)].flatMap { index, columns in
            blocks(of: columns.count, by: 64).map { range -> GradientTask in
                { _ in
                    let outputs = columns.lowerBound + range.lowerBound..<columns.lowerBound + range.upperBound
                    convolution.mix(taps[index].weight.rows(range), outputs: outputs)
                }
            } + [{ [tapBiases] _ in bias.columns(columns).copy(from: tapBiases[index].weight) }]
        }
    }

    var packing: [GradientTask] {
        [firstSimilarity, firstDistance, secondSimilarity, secondDistance, join].flatMap(\.packing)
            + (0..<ChangingConvolution.points).map { point in { [convolution] _ in convolution.pack(point: point) } }
    }

    /// V of one sample, whose rows of `input` are there.
    func run(_ sample: Int, valid n: Int, thread: Int) {
        let rows = group.rows(sample)
        if without.contains(.global) { return join.run(input.rows(rows), into: output.rows(rows)) }
        let (x, scores) = (input.rows(rows), graph.rows(rows).rows(0..<n).columns(0..<n))
        let (kept, own) = (cosines.rows(rows).rows(0..<n).columns(0..<n), lengths.rows(rows).rows(0..<n))
        kernels.lengths(x.rows(0..<n), into: own)
        kernels.dots(x.rows(0..<n), x.rows(0..<n), into: kept)
        kernels.similarity(keeping: kept, own: own, lengths: own, threshold: Self.threshold, into: scores)

        firstSimilarity.run(x, into: mapped.columns(similar).rows(rows))
        firstDistance.run(x, into: mapped.columns(near).rows(rows))
        let wide = padded[thread]
        wide.rows(2..<2 + rows.count).copy(from: x)
        convolution.run(
            wide, bias: bias, into: hidden.rows(rows), seen: seen, products: products, first: sample * tiles)
        convolve(mapped.rows(rows), residual: hidden.rows(rows), into: first.rows(rows), graph: scores)
        kernels.quickGELU(first.rows(rows), into: hidden.rows(rows))

        secondSimilarity.run(hidden.columns(similar).rows(rows), into: mappedHidden.columns(similar).rows(rows))
        secondDistance.run(hidden.columns(near).rows(rows), into: mappedHidden.columns(near).rows(rows))
        convolve(mappedHidden.rows(rows), residual: hidden.rows(rows), into: second.rows(rows), graph: scores)
        kernels.quickGELU(second.rows(rows), into: joined.rows(rows))
        mask(joined.rows(rows))
        join.run(joined.rows(rows), into: output.rows(rows))
    }

    /// A y + residual for both graphs; rows that are no snippets have no similar ones.
    private func convolve(_ y: MatrixView, residual: MatrixView, into out: MatrixView, graph: MatrixView) {
        let (n, left) = (graph.rows, out.columns(similar))
        kernels.product(
            graph, y.columns(similar).rows(0..<n), into: left.rows(0..<n),
            residual: residual.columns(similar).rows(0..<n))
        left.rows(n..<y.rows).copy(from: residual.columns(similar).rows(n..<y.rows))
        kernels.decay(
            y.columns(near), ratio: Self.decay, into: out.columns(near), residual: residual.columns(near))
    }

    /// Clears the half of a graph that is left out.
    private func mask(_ x: MatrixView) {
        if without.contains(.similarity) { x.columns(similar).fill(0) }
        if without.contains(.distance) { x.columns(near).fill(0) }
    }

    /// One sample's gradient by V, `scratch.visual`, to that by the input.
    func runBackward(
        _ sample: Int, valid n: Int, into incoming: MatrixView, _ scratch: GraphGradients, product: MatrixView,
        thread: Int
    ) {
        let rows = group.rows(sample)
        let dx = incoming.rows(rows)
        if without.contains(.global) { return join.runBackward(scratch.visual.rows(rows), into: dx) }
        let scores = graph.rows(rows).rows(0..<n).columns(0..<n)
        let slopes = scratch.slopes[thread].rows(0..<n).columns(0..<n)
        let (toSecond, toFirst) = (scratch.second.rows(rows), scratch.first.rows(rows))

        join.runBackward(scratch.visual.rows(rows), into: toSecond)
        mask(toSecond)
        kernels.quickGELUBackward(second.rows(rows), dy: toSecond, into: toSecond)
        let toMappedHidden = scratch.mappedHidden.rows(rows)
        convolveBackward(toSecond, into: toMappedHidden, graph: scores, product: product)
        kernels.dots(
            toSecond.columns(similar).rows(0..<n), mappedHidden.rows(rows).columns(similar).rows(0..<n), into: slopes)
        for (dense, columns) in [(secondSimilarity, similar), (secondDistance, near)] {
            dense.runBackward(
                toMappedHidden.columns(columns), into: toFirst.columns(columns), residual: toSecond.columns(columns))
        }
        kernels.quickGELUBackward(first.rows(rows), dy: toFirst, into: toFirst)
        let toMapped = scratch.mapped.rows(rows)
        convolveBackward(toFirst, into: toMapped, graph: scores, product: product)
        firstSimilarity.runBackward(toMapped.columns(similar), into: dx)
        firstDistance.runBackward(toMapped.columns(near), into: dx, residual: dx)
        similarityBackward(sample, valid: n, slopes, into: dx, scratch, thread: thread)

        let wide = scratch.padded[thread]
        wide.fill(0)
        convolution.runBackward(
            toFirst, into: wide, asked: products, products: scratch.products, first: sample * tiles)
        kernels.add(wide.rows(2..<2 + rows.count), to: dx)
    }

    /// Aᵀ dy for both graphs; the distance graph is its own transpose.
    private func convolveBackward(_ dy: MatrixView, into dx: MatrixView, graph: MatrixView, product: MatrixView) {
        let (n, left) = (graph.rows, dx.columns(similar))
        kernels.transposedProduct(graph, dy.columns(similar).rows(0..<n), into: left.rows(0..<n), scratch: product)
        left.rows(n..<dy.rows).fill(0)
        kernels.decay(dy.columns(near), ratio: Self.decay, into: dx.columns(near))
    }

    /// Adds to dx what the similarity graph's own gradient comes to; `slopes` has the second convolution's part of it.
    private func similarityBackward(
        _ sample: Int, valid n: Int, _ slopes: MatrixView, into dx: MatrixView, _ scratch: GraphGradients, thread: Int
    ) {
        let rows = group.rows(sample)
        let more = scratch.more[thread].rows(0..<n).columns(0..<n)
        kernels.dots(
            scratch.first.rows(rows).columns(similar).rows(0..<n), mapped.rows(rows).columns(similar).rows(0..<n),
            into: more)
        kernels.add(more, to: slopes)
        kernels.similarityBackward(
            graph.rows(rows).rows(0..<n).columns(0..<n), cosines: cosines.rows(rows).rows(0..<n).columns(0..<n),
            lengths: lengths.rows(rows).rows(0..<n), gradient: slopes, pulls: scratch.pulls[thread].rows(0..<n))
        kernels.product(slopes, input.rows(rows).rows(0..<n), into: dx.rows(0..<n), residual: dx.rows(0..<n))
    }

    /// The weights' gradients of `count` samples, in parts; those of the convolutions are kept as points until `finishing`.
    func gradient(_ count: Int, isFirst: Bool, _ scratch: GraphGradients) -> [GradientTask] {
        let rows = 0..<count * group.model.length
        if without.contains(.global) { return join.gradient(input.rows(rows), scratch.visual.rows(rows)) }
        var tasks = join.gradient(joined.rows(rows), scratch.visual.rows(rows))
        for (dense, columns) in [(secondSimilarity, similar), (secondDistance, near)] {
            tasks += dense.gradient(
                hidden.rows(rows).columns(columns), scratch.mappedHidden.rows(rows).columns(columns))
        }
        for (dense, columns) in [(firstSimilarity, similar), (firstDistance, near)] {
            tasks += dense.gradient(input.rows(rows), scratch.mapped.rows(rows).columns(columns))
        }
        let (kernels, toFirst) = (kernels, scratch.first.rows(rows))
        for (index, columns) in [similar, near].enumerated() {
            let gradient = tapBiases[index].gradient
            tasks.append { _ in kernels.addColumnSums(toFirst.columns(columns), to: gradient) }
        }
        return tasks
            + (0..<ChangingConvolution.points).flatMap { point in
                blocks(of: group.model.width, by: 256).map { range -> GradientTask in
                    { [convolution, seen, products, tiles] product in
                        convolution.gradient(
                            point: point, seen: seen, asked: products, tiles: 0..<count * tiles, outputs: range,
                            adding: !isFirst, scratch: product)
                    }
                }
            }
    }

    /// The convolutions' gradients from those of their points, once all groups are through.
    var finishing: [GradientTask] {
        if without.contains(.global) { return [] }
        let (convolution, taps) = (convolution, taps)
        return [(0, similar), (1, near)].flatMap { index, columns in
            blocks(of: columns.count, by: 64).map { range -> GradientTask in
                { _ in
                    let outputs = columns.lowerBound + range.lowerBound..<columns.lowerBound + range.upperBound
                    convolution.taps(gradient: taps[index].gradient.rows(range), outputs: outputs)
                }
            }
        }
    }
}

/// Gradients of the global module's intermediate matrices.
final class GraphGradients {
    /// By V, [R, d]: heads write it.
    let visual: MatrixView
    fileprivate let second: MatrixView
    fileprivate let first: MatrixView
    fileprivate let mappedHidden: MatrixView
    fileprivate let mapped: MatrixView
    fileprivate let products: MatrixView
    fileprivate let padded: [MatrixView]
    fileprivate let slopes: [MatrixView]
    fileprivate let more: [MatrixView]
    fileprivate let pulls: [MatrixView]

    init(_ group: Group) {
        let (d, length) = (group.model.width, group.model.length)
        let tiles = (length + ChangingConvolution.tile - 1) / ChangingConvolution.tile
        visual = group.matrix(columns: d)
        second = group.matrix(columns: d)
        first = group.matrix(columns: d)
        mappedHidden = group.matrix(columns: d)
        mapped = group.matrix(columns: d)
        products = group.workspace.matrix(rows: ChangingConvolution.points * Group.most * tiles, columns: d)
        padded = group.scratch(rows: ChangingConvolution.tile * (tiles + 1), columns: d)
        slopes = group.scratch(rows: length, columns: length)
        more = group.scratch(rows: length, columns: length)
        pulls = group.scratch(rows: length, columns: 1)
    }
}
