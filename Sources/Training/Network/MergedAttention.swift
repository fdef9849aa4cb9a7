import Tensors

/// The projections of a local layer as rows meet them, and the way back to the published ones.
///
/// With one head, scores are n Qᵀ nᵀ with Q = Wkᵀ Wq, and what is attended to goes through M = Wo Wv: two products a row in
/// place of four, forwards and backwards. The key's bias adds the same to all scores of a row, which softmax does not see:
/// its gradient is 0. The gradients of Q and M give those of the four matrices by products of d × d.
struct MergedAttention {
    /// n to n Qᵀ + Wkᵀ bq, what a row asks for.
    let asking: Dense
    /// What was attended to, to the layer's output.
    let output: Dense
    private let width: Int
    private let kernels: Kernels
    private let input: (weight: MatrixView, gradient: MatrixView)
    private let inputBias: (weight: MatrixView, gradient: MatrixView)
    private let outer: (weight: MatrixView, gradient: MatrixView)
    private let outerBias: (weight: MatrixView, gradient: MatrixView)
    private let askingMatrix: (weight: MatrixView, gradient: MatrixView)
    private let askingBias: (weight: MatrixView, gradient: MatrixView)
    private let outputMatrix: (weight: MatrixView, gradient: MatrixView)
    private let outputBias: (weight: MatrixView, gradient: MatrixView)
    private let turned: ChangingWeights
    private let values: ChangingWeights

    init(_ name: String, width d: Int, in memory: TrainedMemory) {
        width = d
        kernels = memory.kernels
        input = memory.tensor(name + ".in_proj_weight")
        inputBias = memory.tensor(name + ".in_proj_bias")
        outer = memory.tensor(name + ".out_proj.weight")
        outerBias = memory.tensor(name + ".out_proj.bias")
        func own(_ rows: Int) -> (weight: MatrixView, gradient: MatrixView) {
            (memory.matrix(rows: rows, columns: d), memory.matrix(rows: rows, columns: d))
        }
        askingMatrix = own(d)
        askingBias = own(1)
        outputMatrix = own(d)
        outputBias = own(1)
        asking = Dense(askingMatrix, bias: askingBias, kernels: kernels)
        output = Dense(outputMatrix, bias: outputBias, kernels: kernels)
        turned = ChangingWeights(inputs: d, outputs: d, kernels: kernels)
        values = ChangingWeights(inputs: d, outputs: d, kernels: kernels)
    }

    /// Rows of the packed projection: 0 queries, 1 keys, 2 values.
    private func part(_ index: Int) -> Range<Int> { index * width..<(index + 1) * width }

    /// Makes Q, M and their biases of the published weights, in parts.
    var merging: [GradientTask] {
        let (queries, keys) = (input.weight.rows(part(0)), input.weight.rows(part(1)))
        let values = input.weight.rows(part(2))
        let matrices = blocks(of: width, by: 128).flatMap { range -> [GradientTask] in
            [
                { scratch in
                    kernels.transposedProduct(
                        keys.columns(range), queries, into: askingMatrix.weight.rows(range), scratch: scratch)
                },
                { _ in
                    kernels.product(outer.weight.rows(range), values, into: outputMatrix.weight.rows(range))
                },
            ]
        }
        let biases: GradientTask = { _ in
            kernels.product(inputBias.weight.columns(part(0)), keys, into: askingBias.weight)
            kernels.dots(inputBias.weight.columns(part(2)), outer.weight, into: outputBias.weight)
            kernels.add(outerBias.weight, to: outputBias.weight)
        }
        return matrices + [biases]
    }

    /// Clears the gradients of Q, M and their biases, before the first group of a step.
    var clearing: [GradientTask] {
        [askingMatrix, askingBias, outputMatrix, outputBias].map { pair in { _ in pair.gradient.fill(0) } }
    }

    /// Packs what `merging` made, in parts.
    var packing: [GradientTask] { asking.packing + output.packing }

    /// Packs what `unmerging` multiplies with.
    var turning: [GradientTask] {
        [
            { _ in turned.pack(outputMajor: askingMatrix.gradient) },
            { _ in values.pack(outputMajor: input.weight.rows(part(2))) },
        ]
    }

    /// The published weights' gradients from those of Q and M, in parts:
    /// dWq = Wk dQ, dWk = Wq dQᵀ + bq ⊗ dc, dWv = Woᵀ dM, dWo = dM Wvᵀ + de ⊗ bv.
    var unmerging: [GradientTask] {
        let (queries, keys, ownValues) = (part(0), part(1), part(2))
        let matrices = blocks(of: width, by: 128).flatMap { range -> [GradientTask] in
            [
                { _ in
                    kernels.product(
                        input.weight.rows(keys).rows(range), askingMatrix.gradient,
                        into: input.gradient.rows(queries).rows(range))
                },
                { scratch in
                    let gradient = input.gradient.rows(keys).rows(range)
                    kernels.product(input.weight.rows(queries).rows(range), turned, into: gradient)
                    kernels.transposedProduct(
                        inputBias.weight.columns(queries).columns(range), askingBias.gradient, into: gradient,
                        adding: true, scratch: scratch)
                },
                { scratch in
                    kernels.transposedProduct(
                        outer.weight.columns(range), outputMatrix.gradient,
                        into: input.gradient.rows(ownValues).rows(range), scratch: scratch)
                },
                { scratch in
                    let gradient = outer.gradient.rows(range)
                    kernels.product(outputMatrix.gradient.rows(range), values, into: gradient)
                    kernels.transposedProduct(
                        outputBias.gradient.columns(range), inputBias.weight.columns(ownValues), into: gradient,
                        adding: true, scratch: scratch)
                },
            ]
        }
        let biases: GradientTask = { _ in
            kernels.dots(askingBias.gradient, input.weight.rows(keys), into: inputBias.gradient.columns(queries))
            inputBias.gradient.columns(keys).fill(0)
            kernels.product(outputBias.gradient, outer.weight, into: inputBias.gradient.columns(ownValues))
            outerBias.gradient.copy(from: outputBias.gradient)
        }
        return matrices + [biases]
    }
}
