import Tensors

/// A model's own weights, prepared for one set of kernels: read-only, shared by all workers.
struct Network: Sendable {
    /// P, [L, d].
    let positions: ConstantMatrix
    /// The LGT-Adapter's local module.
    let local: [LocalBlock]
    /// The LGT-Adapter's global module.
    let graphs: GraphModule
    /// What some families have behind it.
    let refinement: Refinement?
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
        refinement = try Refinement(
            configuration.kind.family.trunk.refinements, from: source, width: d, in: preparation)
        coarse = try CoarseHead(from: source, width: d, in: preparation)
        promptMLP = try FeedForward(from: source, name: "mlp1", width: d, in: preparation)
    }

    /// Names and shapes of the tensors that a network is read from, in the published order.
    static func tensors(of configuration: ModelConfiguration) -> [(name: String, shape: [Int])] {
        let family = configuration.kind.family
        let all =
            family.trunk.tensors(of: configuration) + family.head.tensors(of: configuration)
            + [(ModelFile.Name.positions, [configuration.length, configuration.width])]
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

    /// Names and shapes of a Linear layer's tensors.
    static func linear(_ name: String, inputs: Int, outputs: Int) -> [(String, [Int])] {
        [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])]
    }
}

/// W2 g(W1 x) with biases, the width fourfold inside.
struct FeedForward: Sendable {
    let expansion: Linear
    let contraction: Linear

    init(
        from source: some WeightSource, name: String, width: Int, in preparation: Preparation
    ) throws(WeightError) {
        expansion = try preparation.linear(name + ".c_fc", inputs: width, outputs: 4 * width, from: source)
        contraction = try preparation.linear(name + ".c_proj", inputs: 4 * width, outputs: width, from: source)
    }

    /// y = residual + W2 g(W1 x), all [rows, d]; `hidden` [rows, 4d] is overwritten; y may be either of the others.
    func addTo(
        _ x: MatrixView, into y: MatrixView, residual: MatrixView, hidden: MatrixView, by hands: Hands
    ) {
        hands.product(x, expansion, into: hidden, activation: .quickGELU)
        hands.product(hidden, contraction, into: y, residual: residual)
    }
}

/// The C-Branch: c = w·(V + MLP2(V)) + b.
///
/// Spec: "Forward pass", step 4. V + MLP2(V) is used for nothing else, so W2 of the MLP comes to one vector:
/// c = w·V + (W2ᵀ w)·g(W1 V + b1) + (w·b2 + b), a matrix product less.
struct CoarseHead: Sendable {
    /// W1, d to 4d, with b1.
    let expansion: Linear
    /// W2ᵀ w, [1, 4d].
    let hidden: ConstantMatrix
    /// w, [1, d].
    let direct: ConstantMatrix
    /// w·b2 + b.
    let bias: Float

    init(from source: some WeightSource, width d: Int, in preparation: Preparation) throws(WeightError) {
        expansion = try preparation.linear("mlp2.c_fc", inputs: d, outputs: 4 * d, from: source)
        func classifier() throws(WeightError) -> [Float] { try source.floats("classifier.weight", shape: [1, d]) }
        direct = try preparation.matrix("classifier.weight", rows: 1, columns: d, make: classifier)
        hidden = try preparation.matrix("classifier.hidden", rows: 1, columns: 4 * d) { () throws(WeightError) in
            let weights = Matrix(
                rows: d, columns: 4 * d, values: try source.floats("mlp2.c_proj.weight", shape: [d, 4 * d]))
            return weights.transposed.times(try classifier())
        }
        bias = try preparation.vector("classifier.bias", count: 1) { () throws(WeightError) in
            let inner = zip(try classifier(), try source.floats("mlp2.c_proj.bias", shape: [d]))
            return [inner.reduce(try source.floats("classifier.bias", shape: [1])[0]) { $0 + $1.0 * $1.1 }]
        }[0]
    }

    /// c of each row of V [rows, d], [rows, 1]; `scratch` [rows, 4d] is overwritten, `part` [rows, 1] too.
    func run(
        _ v: MatrixView, into c: MatrixView, hidden scratch: MatrixView, part: MatrixView, by hands: Hands
    ) {
        hands.product(v, expansion, into: scratch, activation: .quickGELU)
        hands.dots(scratch, hidden, into: c)
        hands.dots(v, direct, into: part)
        c.add(part)
        c.add(bias)
    }
}
