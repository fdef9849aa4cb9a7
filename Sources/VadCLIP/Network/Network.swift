import Numerics

/// VadCLIP's own weights, prepared for one set of kernels: read-only, shared by all workers.
struct Network: Sendable {
    /// P, [L, d].
    let positions: ConstantMatrix
    /// The LGT-Adapter's local module.
    let local: [LocalBlock]
    /// The LGT-Adapter's global module.
    let graphs: GraphModule
    /// The C-Branch.
    let coarse: CoarseHead
    /// MLP1 of the A-Branch.
    let promptMLP: FeedForward

    init(
        from source: some WeightSource, configuration: ModelConfiguration, in preparation: Preparation
    ) throws(WeightError) {
        let (d, length) = (configuration.width, configuration.length)
        let name = "frame_position_embeddings.weight"
        positions = try preparation.matrix(name, rows: length, columns: d) { () throws(WeightError) in
            try source.floats(name, shape: [length, d])
        }
        var blocks: [LocalBlock] = []
        for layer in 0..<configuration.layers {
            blocks.append(
                try LocalBlock(from: source, prefix: "temporal.resblocks.\(layer)", width: d, in: preparation))
        }
        local = blocks
        graphs = try GraphModule(from: source, width: d, in: preparation)
        coarse = try CoarseHead(from: source, width: d, in: preparation)
        promptMLP = try FeedForward(from: source, name: "mlp1", width: d, in: preparation)
    }

    /// Names and shapes of the tensors that a network is read from, in the published order.
    static func tensors(of configuration: ModelConfiguration) -> [(name: String, shape: [Int])] {
        let d = configuration.width
        let h = d / 2
        var all: [(String, [Int])] = []
        for layer in 0..<configuration.layers { all += block("temporal.resblocks.\(layer)", width: d) }
        for (name, inputs) in [("gc1", d), ("gc2", h), ("gc3", d), ("gc4", h)] {
            all.append((name + ".weight", [inputs, h]))
            if inputs != h {
                all.append((name + ".residual.weight", [h, inputs, 5]))
                all.append((name + ".residual.bias", [h]))
            }
        }
        all += linear("linear", inputs: d, outputs: d)
        for name in ["mlp1", "mlp2"] {
            all += linear(name + ".c_fc", inputs: d, outputs: 4 * d)
            all += linear(name + ".c_proj", inputs: 4 * d, outputs: d)
        }
        all += linear("classifier", inputs: d, outputs: 1)
        all.append(("frame_position_embeddings.weight", [configuration.length, d]))
        return all.map { (name: $0.0, shape: $0.1) }
    }

    /// Names and shapes of one attention block's tensors.
    static func block(_ prefix: String, width d: Int) -> [(String, [Int])] {
        [(prefix + ".attn.in_proj_weight", [3 * d, d]), (prefix + ".attn.in_proj_bias", [3 * d])]
            + linear(prefix + ".attn.out_proj", inputs: d, outputs: d)
            + [(prefix + ".ln_1.weight", [d]), (prefix + ".ln_1.bias", [d])]
            + linear(prefix + ".mlp.c_fc", inputs: d, outputs: 4 * d)
            + linear(prefix + ".mlp.c_proj", inputs: 4 * d, outputs: d)
            + [(prefix + ".ln_2.weight", [d]), (prefix + ".ln_2.bias", [d])]
    }

    private static func linear(_ name: String, inputs: Int, outputs: Int) -> [(String, [Int])] {
        [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])]
    }
}
