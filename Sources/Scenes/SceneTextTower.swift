import Formats
import VadCLIP

/// A tiny text tower for the labels of made-up scenes, in CLIP's layout: random, but a label's word stands out in it.
///
/// The rows of an untrained tower's texts differ in one word of 23 positions, so its text features are nearly the same
/// for all labels. Here words carry a mark in one column, and the first block's attention looks for it.
struct SceneTextTower {
    private let world: UInt64
    private static let width = SceneWorld.width
    private static let context = 77
    private static let layers = 2
    /// Tokens: those of bytes, of merges, and the start and the end.
    private static let tokens = 1_024
    /// The column that marks words, and how high it stands out there.
    private static let mark = 0
    private static let height: Float = 1.5

    /// The tower of a seed.
    init(seed: UInt64) { world = seed }

    /// Its tensors under CLIP's names.
    var tensors: [SafetensorsWriter.Tensor] {
        let d = Self.width
        var tensors = [
            tensor("token_embedding.weight", [Self.tokens, d], within: 0.3) { Self.markWords(&$0) },
            tensor("positional_embedding", [Self.context, d], within: 0.02),
            tensor("text_projection", [d, d], within: 1.2 / Float(d).squareRoot()),
            tensor("ln_final.weight", [d], within: 0.3, around: 1), tensor("ln_final.bias", [d], within: 0.1),
        ]
        for layer in 0..<Self.layers {
            let block = "transformer.resblocks.\(layer)."
            let size = 1 / Float(d).squareRoot()
            tensors += [
                tensor(block + "attn.in_proj_weight", [3 * d, d], within: size) {
                    Self.shape(&$0, seeksMark: layer == 0)
                },
                tensor(block + "attn.in_proj_bias", [3 * d], within: 0.05) { if layer == 0 { $0[Self.mark] = 8 } },
                tensor(block + "attn.out_proj.weight", [d, d], within: 2 * size),
                tensor(block + "attn.out_proj.bias", [d], within: 0.05),
                tensor(block + "ln_1.weight", [d], within: 0.3, around: 1),
                tensor(block + "ln_1.bias", [d], within: 0.1),
                tensor(block + "mlp.c_fc.weight", [4 * d, d], within: size),
                tensor(block + "mlp.c_fc.bias", [4 * d], within: 0.05),
                tensor(block + "mlp.c_proj.weight", [d, 4 * d], within: size / 2),
                tensor(block + "mlp.c_proj.bias", [d], within: 0.05),
                tensor(block + "ln_2.weight", [d], within: 0.3, around: 1),
                tensor(block + "ln_2.bias", [d], within: 0.1),
            ]
        }
        return tensors
    }

    private func tensor(
        _ name: String, _ shape: [Int], within most: Float, around centre: Float = 0,
        _ change: @escaping (inout [Float]) -> Void = { _ in }
    ) -> SafetensorsWriter.Tensor {
        SafetensorsWriter.Tensor(name: "clipmodel." + name, shape: shape) {
            var random = SceneRandom(seed: world, kind: name, number: 0)
            var values = random.vector(shape.reduce(1, *), within: most).map { centre + $0 }
            change(&values)
            return values
        }
    }

    /// The words' rows; the bytes, the start and the end are left as they are.
    private static func markWords(_ values: inout [Float]) {
        for token in SceneVocabulary.bytes..<tokens - 2 { values[token * width + mark] = height }
    }

    /// Queries, keys and values, [3d, d]: the values twice as large, so that a block changes its rows much.
    ///
    /// Where the mark is sought, the key of a row is high in the mark's column if the row is a word's, and every query
    /// asks for it by its bias; the values are of the other columns, which differ from word to word.
    private static func shape(_ values: inout [Float], seeksMark: Bool) {
        for index in 2 * width * width..<3 * width * width { values[index] *= 2 }
        guard seeksMark else { return }
        values[(width + mark) * width + mark] = 2
        for row in 2 * width..<3 * width { values[row * width + mark] = 0 }
    }
}

/// A vocabulary in the form of CLIP's file, in which each label of made-up scenes is one token.
enum SceneVocabulary {
    /// The tokens of single bytes, in a word and at its end.
    static let bytes = 512
    /// Merges that a vocabulary must have.
    private static let merges = 49_152 - 256 - 2

    /// The file's text: merges that make the labels' words, then as many as are needed of letters that no label has.
    static var text: String {
        var lines = ["#version: made-up scenes"]
        for label in SceneEvent.labels {
            let letters = label.map { String($0) }
            var word = letters[0]
            for (index, letter) in letters.enumerated().dropFirst() {
                let next = index == letters.count - 1 ? letter + "</w>" : letter
                lines.append("\(word) \(next)")
                word += next
            }
        }
        let others = symbols
        fill: for left in others {
            for right in others {
                lines.append("\(left) \(right)")
                if lines.count > merges { break fill }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The symbols of CLIP's bytes without the small letters.
    private static var symbols: [String] {
        let printable = (33...126).filter { !(97...122).contains($0) } + Array(161...172) + Array(174...255)
        return (printable + Array(256...323)).compactMap { Unicode.Scalar($0).map { String(Character($0)) } }
    }
}
