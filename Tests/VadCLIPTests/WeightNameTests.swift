import Tensors
import Testing

@testable import VadCLIP

/// Weights that have names and nothing else.
private struct BareNames: NamedWeights {
    let names: [String]

    func shape(of name: String) -> [Int]? { name.utf8.map { Int($0) } }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] { [0] }
}

@Suite("Names in checkpoints are bytes")
struct WeightNameTests {
    private let mark = "frame_position_embeddings.weight"

    @Test("two names that Unicode calls equal are two tensors, each with its own shape")
    func equivalent() throws {
        let (sign, letter) = ("\u{212B}", "A\u{30A}")
        let weights = try PlainWeights(
            BareNames(names: ["model.\(mark)", "model.\(sign)", "model.\(letter)"]), asked: nil)
        #expect(weights.names.map { $0.utf8.count } == [mark.utf8.count, 3, 3])
        for name in [sign, letter] { #expect(weights.shape(of: name) == "model.\(name)".utf8.map { Int($0) }) }
    }

    @Test("a prefix is taken off, and a wrapper out, whatever mark follows the dot")
    func marks() throws {
        let names = ["model.\(mark)", "model.\u{301}w", "model.module.\u{301}x"]
        let weights = try PlainWeights(BareNames(names: names), asked: nil)
        #expect(weights.names.map { Array($0.utf8) } == [mark, "\u{301}w", "\u{301}x"].map { Array($0.utf8) })
    }

    @Test("blocks are numbered in digits alone")
    func blocks() {
        func count(_ numbers: [String]) -> Int {
            CheckpointShapes.count(of: "blocks.", in: numbers.map { "blocks.\($0).weight" })
        }
        #expect(count(["0", "1", "3"]) == 2)
        #expect(count(["0", "+1", "-1"]) == 1)
        #expect(count(["0", "01", "\u{661}"]) == 1)
        func gap(_ numbers: [Int]) -> Int? {
            CheckpointShapes.gap(of: "blocks.", in: numbers.map { "blocks.\($0).weight" })
        }
        #expect(gap([0, 1]) == nil && gap([]) == nil && gap([0, 2]) == 1 && gap([1]) == 0)
    }
}
