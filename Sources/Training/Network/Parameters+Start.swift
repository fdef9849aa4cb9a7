import Platform
import VadCLIP

/// The published start of a training: what PyTorch's modules and VadCLIP's own code draw.
extension Parameters {
    /// Draws all tensors from `seed`; each has a sequence of its own, so that none depends on how many there are.
    ///
    /// Graph convolutions and packed attention projections are uniform by Xavier's rule; prompt and position embeddings
    /// normal with deviation 0.01; other weights and biases uniform within 1 / √inputs, as PyTorch's defaults are, but
    /// for the biases of attention, which are 0; LayerNorms 1 and 0.
    public init(layout: ParameterLayout, seed: UInt64) {
        var values = [Float](repeating: 0, count: layout.count)
        for tensor in layout.tensors {
            var start = Start(tensor, layout: layout, seed: seed)
            for index in tensor.range { values[index] = start.next() }
        }
        self.init(layout: layout, values: values)
    }
}

/// The values that one tensor starts with.
private struct Start {
    private enum Rule {
        case constant(Float)
        case uniform(Float)
        case normal(Float)
    }

    private let rule: Rule
    private var random: SplitMix64

    init(_ tensor: ParameterLayout.Tensor, layout: ParameterLayout, seed: UInt64) {
        rule = Self.rule(tensor, layout: layout)
        random = SplitMix64(
            state: tensor.name.utf8.reduce(seed &* 0x9E37_79B9_7F4A_7C15) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
    }

    private static func rule(_ tensor: ParameterLayout.Tensor, layout: ParameterLayout) -> Rule {
        let (name, shape) = (tensor.name, tensor.shape)
        if name == ParameterLayout.sigma { return .constant(0.1) }
        if name == ParameterLayout.positions || name == ParameterLayout.prompt { return .normal(0.01) }
        if name.ends(with: "attn.in_proj_bias") || name.ends(with: "attn.out_proj.bias") { return .constant(0) }
        if name.ends(with: "ln_1.weight") || name.ends(with: "ln_2.weight") { return .constant(1) }
        if name.ends(with: "ln_1.bias") || name.ends(with: "ln_2.bias") { return .constant(0) }
        let isGraph = shape.count == 2 && name.begins(with: "gc")
        if isGraph || name.ends(with: "attn.in_proj_weight") {
            return .uniform((6 / Float(shape[0] + shape[1])).squareRoot())
        }
        // A bias goes by the inputs of the weights before it.
        let weights = name.rest(before: "bias").flatMap { layout[$0 + "weight"] } ?? tensor
        return .uniform(1 / Float(weights.shape.dropFirst().reduce(1, *)).squareRoot())
    }

    mutating func next() -> Float {
        switch rule {
        case .constant(let value): value
        case .uniform(let bound): bound * Float(2 * random.unit() - 1)
        case .normal(let deviation): deviation * Float(normal())
        }
    }

    /// Normal with deviation 1, by the polar method.
    private mutating func normal() -> Double {
        while true {
            let (x, y) = (2 * random.unit() - 1, 2 * random.unit() - 1)
            let square = x * x + y * y
            if square > 0, square < 1 { return x * (-2 * log(square) / square).squareRoot() }
        }
    }
}

extension String {
    /// What stands before `end`, where the text ends so.
    fileprivate func rest(before end: String) -> String? {
        ends(with: end) ? String(decoding: utf8.dropLast(end.utf8.count), as: UTF8.self) : nil
    }
}
