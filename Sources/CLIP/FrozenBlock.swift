import Tensors

/// The weights of an attention block of CLIP's, packed both ways: they don't change, but what they multiply has a gradient.
struct FrozenBlock: Sendable {
    let attentionNorm: LayerNorm
    let projection: Frozen
    let output: Frozen
    let feedForwardNorm: LayerNorm
    let expansion: Frozen
    let contraction: Frozen

    /// A Linear layer and its transposed.
    struct Frozen: Sendable {
        let forward: Linear
        let backward: Linear

        init(
            weights name: String, bias: String?, inputs: Int, outputs: Int, isOutputMajor: Bool = true,
            from source: some WeightSource, kernels: Kernels
        ) throws(WeightError) {
            let values = try source.floats(name, shape: isOutputMajor ? [outputs, inputs] : [inputs, outputs])
            func packed(_ inputs: Int, _ outputs: Int, outputMajor: Bool) -> PackedWeights {
                outputMajor
                    ? PackedWeights(inputs: inputs, outputs: outputs, outputMajor: values, kernels: kernels)
                    : PackedWeights(inputs: inputs, outputs: outputs, inputMajor: values, kernels: kernels)
            }
            var shift: AlignedFloats?
            if let bias { shift = AlignedFloats(try source.floats(bias, shape: [outputs])) }
            forward = Linear(weights: packed(inputs, outputs, outputMajor: isOutputMajor), bias: shift)
            backward = Linear(weights: packed(outputs, inputs, outputMajor: !isOutputMajor))
        }
    }

    init(from source: some WeightSource, prefix: String, width d: Int, kernels: Kernels) throws(WeightError) {
        func linear(_ name: String, _ inputs: Int, _ outputs: Int) throws(WeightError) -> Frozen {
            try Frozen(
                weights: name + ".weight", bias: name + ".bias", inputs: inputs, outputs: outputs, from: source,
                kernels: kernels)
        }
        let norms = Preparation(kernels: kernels)
        attentionNorm = try norms.layerNorm(prefix + ".ln_1", width: d, from: source)
        projection = try Frozen(
            weights: prefix + ".attn.in_proj_weight", bias: prefix + ".attn.in_proj_bias", inputs: d, outputs: 3 * d,
            from: source, kernels: kernels)
        output = try linear(prefix + ".attn.out_proj", d, d)
        feedForwardNorm = try norms.layerNorm(prefix + ".ln_2", width: d, from: source)
        expansion = try linear(prefix + ".mlp.c_fc", d, 4 * d)
        contraction = try linear(prefix + ".mlp.c_proj", 4 * d, d)
    }
}
