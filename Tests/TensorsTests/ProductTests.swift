import TestSupport
import Testing

@testable import Tensors

/// Every set of kernels of this processor, against the plain loops.
@Suite("Products")
struct ProductTests {
    static let kernels = Kernels.available.map(\.name)

    @Test("C = A B for every number of rows up to three tiles, with columns past the last panel", arguments: kernels)
    func everyRowCount(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 1)
        for rows in 1...37 {
            for (inputs, outputs) in [(1, 1), (7, 5), (64, 33), (65, 96)] {
                let a = Matrix(rows: rows, columns: inputs, values: random.floats(rows * inputs))
                let b = Matrix(rows: inputs, columns: outputs, values: random.floats(inputs * outputs))
                let expected = Reference.product(a, b)
                let workspace = Workspace()
                let packed = workspace.matrix(rows: rows, columns: outputs)
                let linear = Linear(
                    weights: PackedWeights(inputs: inputs, outputs: outputs, inputMajor: b.values, kernels: kernels))
                kernels.product(a.view(in: workspace), linear, into: packed)
                #expect(worst(packed.values(), expected) < 1e-5, "packed \(rows) \(inputs) \(outputs)")
                let plain = workspace.matrix(rows: rows, columns: outputs)
                kernels.product(a.view(in: workspace), b.view(in: workspace), into: plain)
                #expect(worst(plain.values(), expected) < 1e-5, "plain \(rows) \(inputs) \(outputs)")
                let dots = workspace.matrix(rows: rows, columns: outputs)
                kernels.dots(a.view(in: workspace), b.transposed.view(in: workspace), scale: 1, into: dots)
                #expect(worst(dots.values(), expected) < 1e-5, "dots \(rows) \(inputs) \(outputs)")
            }
        }
    }

    @Test("bias, residual and QuickGELU follow the product, in that order", arguments: kernels)
    func epilogue(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 2)
        let (m, k, n) = (13, 31, 45)
        let a = Matrix(rows: m, columns: k, values: random.floats(m * k))
        let b = Matrix(rows: k, columns: n, values: random.floats(k * n))
        let residual = Matrix(rows: m, columns: n, values: random.floats(m * n))
        let bias = random.floats(n)
        let linear = Linear(
            weights: PackedWeights(inputs: k, outputs: n, outputMajor: b.transposed.values, kernels: kernels),
            bias: bias)
        let expected = Reference.product(a, b).enumerated().map { index, value in
            Reference.gelu(value + Double(bias[index % n]) + Double(residual.values[index]))
        }
        let workspace = Workspace()
        let out = residual.view(in: workspace)
        kernels.product(a.view(in: workspace), linear, into: out, residual: out, activation: .quickGELU)
        #expect(worst(out.values(), expected) < 1e-5)
    }

    @Test("a row's result is the same bits alone and in any batch", arguments: kernels)
    func batchInvariance(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 3)
        let (m, k, n) = (29, 70, 50)
        let a = Matrix(rows: m, columns: k, values: random.floats(m * k))
        let linear = Linear(
            weights: PackedWeights(inputs: k, outputs: n, inputMajor: random.floats(k * n), kernels: kernels))
        let workspace = Workspace()
        let view = a.view(in: workspace)
        let all = workspace.matrix(rows: m, columns: n)
        kernels.product(view, linear, into: all)
        for row in 0..<m {
            let one = workspace.matrix(rows: 1, columns: n)
            kernels.product(view.rows(row..<row + 1), linear, into: one)
            #expect(one.values() == all.rows(row..<row + 1).values(), "row \(row)")
        }
    }

    @Test("a convolution by eight points is the sum over its five taps, for every number of rows", arguments: kernels)
    func convolution(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 4)
        let (width, outputs) = (6, 37)
        let weights = Matrix(rows: 5 * width, columns: outputs, values: random.floats(5 * width * outputs))
        let bias = random.floats(outputs)
        let prepared = try ConvolutionWeights(
            "taps", inputs: width, outputs: outputs, bias: AlignedFloats(bias), in: Preparation(kernels: kernels)
        ) { () throws(WeightError) in weights.values }
        for rows in 1...19 {
            let x = Matrix(rows: rows + 4, columns: width, values: random.floats((rows + 4) * width))
            let workspace = Workspace()
            let tiles = (rows + 3) / 4
            let padded = workspace.matrix(rows: 4 * tiles + 4, columns: width)
            padded.rows(0..<rows + 4).copy(from: x.values[...])
            let out = workspace.matrix(rows: rows, columns: outputs)
            kernels.convolve(
                padded, prepared, into: out, inputs: workspace.matrix(rows: 8 * tiles, columns: width),
                outputs: workspace.matrix(rows: 8 * tiles, columns: outputs))
            let side = Matrix(
                rows: rows, columns: 5 * width, values: (0..<rows).flatMap { x.values[$0 * width..<($0 + 5) * width] })
            let expected = Reference.product(side, weights).enumerated().map { $1 + Double(bias[$0 % outputs]) }
            #expect(worst(out.values(), expected) < 5e-5, "\(rows) rows")
        }
    }

    @Test("the running sums of the distance graph are the product with e^(-|i-j|/e)", arguments: kernels)
    func decay(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 5)
        let (rows, width) = (256, 21)
        let x = Matrix(rows: rows, columns: width, values: random.floats(rows * width))
        let residual = Matrix(rows: rows, columns: width, values: random.floats(rows * width))
        let ratio = 0.692_200_627_555_346_4
        let workspace = Workspace()
        let out = workspace.matrix(rows: rows, columns: width)
        kernels.decay(x.view(in: workspace), ratio: Float(ratio), into: out, residual: residual.view(in: workspace))
        var graph = Matrix(rows: rows, columns: rows)
        var power = 1.0
        var powers: [Double] = []
        for _ in 0..<rows {
            powers.append(power)
            power *= ratio
        }
        for i in 0..<rows { for j in 0..<rows { graph.values[i * rows + j] = Float(powers[abs(i - j)]) } }
        let expected = zip(Reference.product(graph, x), residual.values).map { $0 + Double($1) }
        #expect(worst(out.values(), expected) < 1e-5)
    }
}
