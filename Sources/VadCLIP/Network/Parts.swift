import Tensors

/// What makes V of a chunk's features.
enum Trunk: Sendable {
    /// VadCLIP's LGT-Adapter: attention within windows, then two graphs.
    case lgtAdapter
    /// The same with residual convolutions of these names behind it.
    case refinedLGTAdapter([String])

    /// Begins the names of the local module's blocks.
    static let blocks = "temporal.resblocks."

    /// Names of the residual convolutions.
    var refinements: [String] {
        switch self {
        case .lgtAdapter: []
        case .refinedLGTAdapter(let names): names
        }
    }

    /// Names and shapes of its tensors in the published order, without the position embeddings.
    func tensors(of configuration: ModelConfiguration) -> [(String, [Int])] {
        let d = configuration.width
        let h = d / 2
        var all: [(String, [Int])] = []
        for layer in 0..<configuration.layers { all += Network.block(Self.blocks + String(layer), width: d) }
        for (name, inputs) in [("gc1", d), ("gc2", h), ("gc3", d), ("gc4", h)] {
            all.append((name + ".weight", [inputs, h]))
            if inputs != h {
                all.append((name + ".residual.weight", [h, inputs, 5]))
                all.append((name + ".residual.bias", [h]))
            }
        }
        return all + Network.linear("linear", inputs: d, outputs: d) + Refinement.tensors(refinements, width: d)
    }
}

/// What makes logits of V and the text features.
enum Head: Sendable {
    /// VadCLIP's C-Branch and A-Branch, the latter with a visual prompt.
    case branches

    /// Names and shapes of its tensors in the published order.
    func tensors(of configuration: ModelConfiguration) -> [(String, [Int])] {
        let d = configuration.width
        var all: [(String, [Int])] = []
        for name in ["mlp1", "mlp2"] {
            all += Network.linear(name + ".c_fc", inputs: d, outputs: 4 * d)
            all += Network.linear(name + ".c_proj", inputs: 4 * d, outputs: d)
        }
        return all + Network.linear("classifier", inputs: d, outputs: 1)
    }
}
