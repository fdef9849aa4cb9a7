import TestSupport
import Testing

@testable import Tensors

/// Does parts one after another in an order of its own, as either of two threads.
private final class Turns: PartSharing {
    private var random = SeededRandom(seed: 3)
    private(set) var parts = 0
    let isThere = true

    func share(_ parts: Int, _ body: (_ part: Int, _ hand: Int) -> Void) {
        self.parts += parts
        for part in (0..<parts).shuffled(using: &random) { body(part, Int.random(in: 0...1, using: &random)) }
    }
}

/// Operations of two threads against the same of one.
@Suite("Operations that two threads share")
struct HandsTests {
    /// Everything that a chunk is computed by, at one size.
    private struct Operations {
        let kernels: Kernels
        private let inputs = 70
        private let outputs = 90
        private let rows: Int
        private let workspace = Workspace()
        private let x: MatrixView
        private let residual: MatrixView
        private let square: MatrixView
        private let padded: MatrixView
        private let linear: Linear
        private let norm: LayerNorm
        private let convolution: ConvolutionWeights
        private let constants: ConstantMatrix

        init(_ rows: Int, _ kernels: Kernels) throws {
            var random = SeededRandom(seed: UInt64(rows))
            let workspace = workspace
            func matrix(_ rows: Int, _ columns: Int) -> MatrixView {
                Matrix(rows: rows, columns: columns, values: random.floats(rows * columns)).view(in: workspace)
            }
            self.rows = rows
            self.kernels = kernels
            (x, residual, square) = (matrix(rows, inputs), matrix(rows, outputs), matrix(rows, rows))
            padded = matrix((rows + 3) / 4 * 4 + 4, inputs)
            linear = Linear(
                weights: PackedWeights(
                    inputs: inputs, outputs: outputs, inputMajor: random.floats(inputs * outputs), kernels: kernels),
                bias: random.floats(outputs))
            norm = LayerNorm(gain: random.floats(inputs), shift: random.floats(inputs))
            let taps = random.floats(ConvolutionWeights.taps * inputs * outputs)
            convolution = try ConvolutionWeights(
                "taps", inputs: inputs, outputs: outputs, bias: AlignedFloats(random.floats(outputs)),
                in: Preparation(kernels: kernels)
            ) { () throws(WeightError) in taps }
            constants = ConstantMatrix(rows: 3, columns: inputs, values: random.floats(3 * inputs))
        }

        func hands(_ second: Turns? = nil) -> Hands {
            workspace.hands(rows: rows, inputs: inputs, for: kernels, second: second)
        }

        func run(by hands: Hands) -> [[Float]] {
            let workspace = Workspace()
            func matrix(_ columns: Int) -> MatrixView { workspace.matrix(rows: rows, columns: columns) }
            let (fed, added, mixed, dots) = (matrix(outputs), matrix(outputs), matrix(inputs), matrix(rows))
            let (direct, normed, near, lengths) = (matrix(3), matrix(inputs), matrix(inputs), matrix(1))
            let (graph, convolved, points) = (matrix(rows), matrix(outputs), 8 * ((rows + 3) / 4))
            hands.product(x, linear, into: fed, residual: residual, activation: .quickGELU)
            added.copy(from: residual)
            hands.product(x, linear, into: added, residual: added)
            hands.product(square, x, into: mixed, residual: x)
            hands.dots(x, x, scale: 0.5, into: dots)
            hands.dots(x, constants, into: direct)
            hands.layerNorm(x, norm, into: normed)
            hands.decay(
                x, ratio: 0.7, ahead: constants[row: 1], into: near, residual: x, activation: .quickGELU)
            hands.lengths(x, into: lengths)
            graph.copy(from: dots)
            hands.similarity(graph, own: lengths, lengths: lengths, threshold: 0.1)
            hands.convolve(
                padded, convolution, into: convolved, inputs: workspace.matrix(rows: points, columns: inputs),
                outputs: workspace.matrix(rows: points, columns: outputs))
            return [fed, added, mixed, dots, direct, normed, near, lengths, graph, convolved].map { $0.values() }
        }
    }

    @Test(
        "come to the same bits as those of one, whatever their size and whoever does which part",
        arguments: Kernels.available, Compute.allCases)
    func sameBits(kernels: Kernels, compute: Compute) throws {
        for rows in [1, 2, 7, 12, 13, 40, 95, 96, 97, 131, 192, 203, 256] {
            let operations = try Operations(rows, kernels.computing(compute))
            let alone = operations.run(by: operations.hands())
            let turns = Turns()
            let hands = operations.hands(turns)
            for _ in 0..<4 { #expect(operations.run(by: hands) == alone, "\(rows) rows") }
            #expect(turns.parts > 0)
        }
    }

    @Test("parts are all of it, each once, and begin at whole units")
    func parts() throws {
        let turns = Turns()
        let hands = Workspace().hands(rows: 1, inputs: 1, for: .portable, second: turns)
        for count in [0, 1, 2, 11, 12, 13, 25, 256, 1_000] {
            for (unit, parts) in [(1, 2), (12, 4), (16, 2), (100, 8)] {
                var (counts, ranges) = ([Int](repeating: 0, count: count), [Range<Int>]())
                hands.share(count, by: unit, parts: parts) { range, _ in
                    ranges.append(range)
                    for index in range { counts[index] += 1 }
                }
                #expect(counts.allSatisfy { $0 == 1 }, "\(count) by \(unit) in \(parts)")
                #expect(ranges.allSatisfy { $0.lowerBound % unit == 0 })
                #expect(ranges.count == min(parts, max((count + unit - 1) / unit, 1)))
            }
        }
    }
}
