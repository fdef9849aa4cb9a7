import TestSupport
import Testing

@testable import Tensors

@Suite("Weights that change, and their gradients")
struct WeightGradientTests {
    static let kernels = Kernels.available.map(\.name)

    @Test("C = AᵀB and C += AᵀB, at every remainder of rows, strips and panels", arguments: kernels)
    func transposedProduct(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 31)
        let cases = [(1, 1, 1), (3, 5, 7), (255, 13, 33), (256, 6, 16), (257, 12, 48), (600, 259, 20), (30, 300, 65)]
        for (m, k, n) in cases {
            let a = Matrix(rows: m, columns: k, values: random.floats(m * k))
            let b = Matrix(rows: m, columns: n, values: random.floats(m * n))
            let workspace = Workspace()
            let scratch = kernels.productScratch(in: workspace)
            let c = workspace.matrix(rows: k, columns: n)
            c.fill(.nan)
            kernels.transposedProduct(a.view(in: workspace), b.view(in: workspace), into: c, scratch: scratch)
            let expected = Reference.product(a.transposed, b)
            #expect(worst(c.values(), expected) < 1e-4, "\(m) \(k) \(n)")
            kernels.transposedProduct(
                a.view(in: workspace), b.view(in: workspace), into: c, adding: true, scratch: scratch)
            #expect(worst(c.values(), expected.map { 2 * $0 }) < 2e-4, "twice \(m) \(k) \(n)")
        }
    }

    @Test("no rows give zeros, or change nothing", arguments: kernels)
    func noRows(name: String) throws {
        let kernels = try Kernels.named(name)
        let workspace = Workspace()
        let scratch = kernels.productScratch(in: workspace)
        let (a, b) = (workspace.matrix(rows: 0, columns: 3), workspace.matrix(rows: 0, columns: 2))
        let c = workspace.matrix(rows: 3, columns: 2)
        c.fill(5)
        kernels.transposedProduct(a, b, into: c, adding: true, scratch: scratch)
        #expect(c.values() == [5, 5, 5, 5, 5, 5])
        kernels.transposedProduct(a, b, into: c, scratch: scratch)
        #expect(c.values() == [0, 0, 0, 0, 0, 0])
    }

    @Test("a number of AᵀB is the same bits however C is shared out", arguments: kernels)
    func parts(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 32)
        let (m, k, n) = (530, 43, 70)
        let workspace = Workspace()
        let a = Matrix(rows: m, columns: k, values: random.floats(m * k)).view(in: workspace)
        let b = Matrix(rows: m, columns: n, values: random.floats(m * n)).view(in: workspace)
        let scratch = kernels.productScratch(in: workspace)
        let whole = workspace.matrix(rows: k, columns: n)
        kernels.transposedProduct(a, b, into: whole, scratch: scratch)
        for (rows, columns) in [(1, 1), (5, 33), (7, 70), (43, 19)] {
            let c = workspace.matrix(rows: k, columns: n)
            for top in stride(from: 0, to: k, by: rows) {
                for left in stride(from: 0, to: n, by: columns) {
                    let (r, s) = (top..<min(k, top + rows), left..<min(n, left + columns))
                    kernels.transposedProduct(
                        a.columns(r), b.columns(s), into: c.rows(r).columns(s), scratch: scratch)
                }
            }
            #expect(c.values() == whole.values(), "\(rows) by \(columns)")
        }
    }

    @Test("packed again, whole or by panels, from either layout, they multiply as constant ones do", arguments: kernels)
    func changing(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 33)
        for (k, n) in [(1, 1), (15, 17), (33, 70), (64, 48)] {
            let b = Matrix(rows: k, columns: n, values: random.floats(k * n))
            let bias = random.floats(n)
            let workspace = Workspace()
            let a = Matrix(rows: 7, columns: k, values: random.floats(7 * k)).view(in: workspace)
            let expected = workspace.matrix(rows: 7, columns: n)
            let constant = PackedWeights(inputs: k, outputs: n, inputMajor: b.values, kernels: kernels)
            kernels.product(a, Linear(weights: constant, bias: bias), into: expected, activation: .quickGELU)
            let weights = ChangingWeights(inputs: k, outputs: n, kernels: kernels)
            let row = Matrix(rows: 1, columns: n, values: bias).view(in: workspace)
            let found = workspace.matrix(rows: 7, columns: n)
            weights.pack(inputMajor: b.view(in: workspace))
            kernels.product(a, weights, bias: row, into: found, activation: .quickGELU)
            #expect(found.values() == expected.values())
            weights.pack(inputMajor: workspace.matrix(rows: k, columns: n))
            let transposed = b.transposed.view(in: workspace)
            for panel in 0..<weights.panels { weights.pack(outputMajor: transposed, panels: panel..<panel + 1) }
            kernels.product(a, weights, bias: row, into: found, activation: .quickGELU)
            #expect(found.values() == expected.values())
        }
    }

    @Test("the convolution, its input's gradient and its kernels' over two samples", arguments: kernels)
    func convolution(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 34)
        let (width, outputs) = (3, 11)
        let taps = Matrix(rows: outputs, columns: 5 * width, values: random.floats(outputs * 5 * width))
        let bias = random.floats(outputs)
        for lengths in [[1, 1], [4, 7], [10, 9]] {
            let workspace = Workspace()
            let convolution = ChangingConvolution(inputs: width, outputs: outputs, kernels: kernels)
            let view = taps.view(in: workspace)
            convolution.mix(view.rows(0..<8), outputs: 0..<8)
            convolution.mix(view.rows(8..<outputs), outputs: 8..<outputs)
            for point in 0..<ChangingConvolution.points { convolution.pack(point: point) }
            let tiles = lengths.map { ($0 + 3) / 4 }
            let all = tiles.reduce(0, +)
            let seen = workspace.matrix(rows: 8 * all, columns: width)
            let moved = workspace.matrix(rows: 8 * all, columns: width)
            let asked = workspace.matrix(rows: 8 * all, columns: outputs)
            let products = workspace.matrix(rows: 8 * all, columns: outputs)
            var expectedTaps = [Double](repeating: 0, count: taps.values.count)
            for (sample, rows) in lengths.enumerated() {
                let first = sample == 0 ? 0 : tiles[0]
                let x = Matrix(rows: rows + 4, columns: width, values: random.floats((rows + 4) * width))
                let padded = workspace.matrix(rows: 4 * tiles[sample] + 4, columns: width)
                padded.rows(0..<rows + 4).copy(from: x.values[...])
                let y = workspace.matrix(rows: rows, columns: outputs)
                convolution.run(
                    padded, bias: Matrix(rows: 1, columns: outputs, values: bias).view(in: workspace), into: y,
                    seen: seen, products: products, first: first)
                let direct = Reference.convolution(
                    x.values.map(Double.init), taps.values.map(Double.init), width: width)
                #expect(worst(y.values(), direct.enumerated().map { $1 + Double(bias[$0 % outputs]) }) < 1e-4)
                let dy = random.floats(rows * outputs)
                let dx = workspace.matrix(rows: padded.rows, columns: width)
                dx.fill(1)
                convolution.runBackward(
                    Matrix(rows: rows, columns: outputs, values: dy).view(in: workspace), into: dx, asked: asked,
                    products: moved, first: first)
                let slopes = Slopes.of(x.values, weights: dy) {
                    Reference.convolution($0, taps.values.map(Double.init), width: width)
                }
                #expect(worst(dx.rows(0..<rows + 4).values(), slopes.map { $0 + 1 }) < 1e-4)
                let ofTaps = Slopes.of(taps.values, weights: dy) {
                    Reference.convolution(x.values.map(Double.init), $0, width: width)
                }
                for (index, slope) in ofTaps.enumerated() { expectedTaps[index] += slope }
            }
            let scratch = kernels.productScratch(in: workspace)
            for point in 0..<ChangingConvolution.points {
                for part in [0..<5, 5..<outputs] {
                    convolution.gradient(
                        point: point, seen: seen, asked: asked, tiles: 0..<1, outputs: part, adding: false,
                        scratch: scratch)
                    convolution.gradient(
                        point: point, seen: seen, asked: asked, tiles: 1..<all, outputs: part, adding: true,
                        scratch: scratch)
                }
            }
            let found = workspace.matrix(rows: outputs, columns: 5 * width)
            convolution.taps(gradient: found.rows(0..<8), outputs: 0..<8)
            convolution.taps(gradient: found.rows(8..<outputs), outputs: 8..<outputs)
            #expect(worst(found.values(), expectedTaps) < 2e-4, "\(lengths)")
        }
    }
}
