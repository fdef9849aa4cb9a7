import TestSupport
import Testing

@testable import Tensors

/// The backward of each operation, every set of kernels of this processor, against differences of the plain forward.
@Suite("Gradients along a row")
struct GradientTests {
    static let kernels = Kernels.available.map(\.name)
    static let widths = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33]

    @Test("LayerNorm's: of its input beside a residual, of its gain and its shift", arguments: kernels)
    func layerNorm(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 21)
        for width in Self.widths where width > 1 {
            let x = Matrix(rows: 3, columns: width, values: random.floats(3 * width, scale: 3))
            let dy = Matrix(rows: 3, columns: width, values: random.floats(3 * width))
            let residual = Matrix(rows: 3, columns: width, values: random.floats(3 * width))
            let (gain, shift) = (random.floats(width), random.floats(width))
            let workspace = Workspace()
            let dx = residual.view(in: workspace)
            let row = { workspace.matrix(rows: 1, columns: width) }
            let sums = (gain: row(), shift: row())
            sums.shift.fill(1)
            kernels.layerNormBackward(
                x.view(in: workspace), gain: Matrix(rows: 1, columns: width, values: gain).view(in: workspace),
                dy: dy.view(in: workspace), into: dx, residual: dx, sums: sums)
            for row in 0..<3 {
                let slopes = Slopes.of(Array(x[row: row]), weights: Array(dy[row: row])) {
                    Reference.layerNorm($0, gain: gain, shift: shift)
                }
                let expected = zip(slopes, residual[row: row]).map { $0 + Double($1) }
                #expect(worst(dx.rows(row..<row + 1).values(), expected) < 1e-4, "width \(width)")
            }
            let normed = (0..<3).map { row in
                Reference.layerNorm(
                    x[row: row].map(Double.init), gain: gain.map { _ in 1 }, shift: gain.map { _ in 0 })
            }
            let ofGain = (0..<width).map { column in
                (0..<3).reduce(0) { $0 + normed[$1][column] * Double(dy[$1, column]) }
            }
            let ofShift = (0..<width).map { column in (0..<3).reduce(1) { $0 + Double(dy[$1, column]) } }
            #expect(worst(sums.gain.values(), ofGain) < 1e-5)
            #expect(worst(sums.shift.values(), ofShift) < 1e-5)
        }
    }

    @Test("QuickGELU's, its values once more, and one row of dy for all with a factor a row", arguments: kernels)
    func quickGELU(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 22)
        for width in Self.widths {
            let u = Matrix(rows: 2, columns: width, values: random.floats(2 * width, scale: 6))
            let dy = Matrix(rows: 1, columns: width, values: random.floats(width))
            let factors = Matrix(rows: 2, columns: 1, values: random.floats(2))
            let workspace = Workspace()
            let (view, du) = (u.view(in: workspace), workspace.matrix(rows: 2, columns: width))
            kernels.quickGELUBackward(
                view, dy: dy.view(in: workspace), factors: factors.view(in: workspace), into: du, values: view)
            for row in 0..<2 {
                let weights = dy.values.map { $0 * factors[row, 0] }
                let expected = Slopes.of(Array(u[row: row]), weights: weights) { $0.map(Reference.gelu) }
                #expect(worst(du.rows(row..<row + 1).values(), expected) < 1e-5)
            }
            let forward = workspace.matrix(rows: 2, columns: width)
            kernels.quickGELU(u.view(in: workspace), into: forward)
            #expect(view.values() == forward.values())
            let own = u.view(in: workspace)
            kernels.quickGELUBackward(u.view(in: workspace), dy: u.view(in: workspace), into: own)
            let expected = Slopes.of(u.values, weights: u.values) { $0.map(Reference.gelu) }
            #expect(worst(own.values(), expected) < 1e-4)
        }
    }

    @Test("QuickGELU's is 0 and 1 far from 0, never NaN", arguments: kernels)
    func farGELU(name: String) throws {
        let kernels = try Kernels.named(name)
        let workspace = Workspace()
        let u = Matrix(rows: 1, columns: 4, values: [-1e4, -60, 60, 1e4]).view(in: workspace)
        let ones = Matrix(rows: 1, columns: 4, values: [1, 1, 1, 1]).view(in: workspace)
        kernels.quickGELUBackward(u, dy: ones, into: ones)
        #expect(worst(ones.values(), [0, 0, 1, 1]) < 1e-6)
    }

    @Test("softmax's", arguments: kernels)
    func softmax(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 23)
        for width in Self.widths {
            let (x, dy) = (random.floats(width, scale: 2), random.floats(width))
            let workspace = Workspace()
            let y = Matrix(rows: 1, columns: width, values: x.map { $0 * 0.5 }).view(in: workspace)
            kernels.softmax(y)
            let d = Matrix(rows: 1, columns: width, values: dy).view(in: workspace)
            kernels.softmaxBackward(y, scale: 0.5, gradient: d)
            let expected = Slopes.of(x, weights: dy) { Reference.softmax($0.map { $0 * 0.5 }) }
            #expect(worst(d.values(), expected) < 1e-6)
        }
    }

    @Test("the similarity graph's: cosines, their threshold and the softmax behind it", arguments: kernels)
    func similarity(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 24)
        for count in [1, 2, 5, 9, 17] {
            let common = random.floats(4, scale: 2)
            let values = (0..<count).flatMap { _ in zip(common, random.floats(4)).map { $0 + $1 } }
            let x = Matrix(rows: count, columns: 4, values: values)
            let workspace = Workspace()
            let view = x.view(in: workspace)
            let square = { workspace.matrix(rows: count, columns: count) }
            let (cosines, graph, plain, d) = (square(), square(), square(), square())
            let (lengths, pulls) = (
                workspace.matrix(rows: count, columns: 1), workspace.matrix(rows: count, columns: 1)
            )
            kernels.lengths(view, into: lengths)
            kernels.dots(view, view, into: cosines)
            kernels.dots(view, view, into: plain)
            kernels.similarity(keeping: cosines, own: lengths, lengths: lengths, threshold: 0.7, into: graph)
            kernels.similarity(plain, own: lengths, lengths: lengths, threshold: 0.7)
            #expect(graph.values() == plain.values(), "the same graph as in scoring")
            let dy = random.floats(count * count)
            d.copy(from: dy[...])
            kernels.similarityBackward(graph, cosines: cosines, lengths: lengths, gradient: d, pulls: pulls)
            let dx = workspace.matrix(rows: count, columns: 4)
            kernels.product(d, view, into: dx)
            let expected = Slopes.of(values, weights: dy) { Reference.similarity($0, rows: count) }
            #expect(worst(dx.values(), expected) < 1e-4, "\(count) rows")
        }
    }

    @Test("a row of zeros has cosines of 0 and no gradient", arguments: kernels)
    func emptyRow(name: String) throws {
        let kernels = try Kernels.named(name)
        let workspace = Workspace()
        let x = Matrix(rows: 2, columns: 2, values: [0, 0, 1, 2]).view(in: workspace)
        let square = { workspace.matrix(rows: 2, columns: 2) }
        let (cosines, graph, d) = (square(), square(), square())
        let (lengths, pulls) = (workspace.matrix(rows: 2, columns: 1), workspace.matrix(rows: 2, columns: 1))
        kernels.lengths(x, into: lengths)
        kernels.dots(x, x, into: cosines)
        kernels.similarity(keeping: cosines, own: lengths, lengths: lengths, threshold: 0.7, into: graph)
        d.copy(from: [1, 2, 3, 4])
        kernels.similarityBackward(graph, cosines: cosines, lengths: lengths, gradient: d, pulls: pulls)
        #expect(d[0, 0] == 0 && d[0, 1] == 0 && d[1, 0] == 0 && d[1, 1].isFinite)
    }

    @Test("sums: of columns, of squares, of one matrix and a multiple of another", arguments: kernels)
    func sums(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 25)
        for (rows, width) in [(1, 1), (3, 17), (7, 16), (9, 33), (40, 60)] {
            let x = Matrix(rows: rows, columns: width, values: random.floats(rows * width))
            let workspace = Workspace()
            let view = x.view(in: workspace)
            let sums = workspace.matrix(rows: 1, columns: width)
            sums.fill(2)
            kernels.addColumnSums(view, to: sums)
            let expected = (0..<width).map { column in (0..<rows).reduce(2.0) { $0 + Double(x[$1, column]) } }
            #expect(worst(sums.values(), expected) < 1e-5)
            let squares = x.values.reduce(0.0) { $0 + Double($1) * Double($1) }
            #expect(abs(kernels.sumOfSquares(view) - squares) < 1e-5 * squares)
            let part = view.columns(0..<(width + 1) / 2)
            let partSquares = part.values().reduce(0.0) { $0 + Double($1) * Double($1) }
            #expect(abs(kernels.sumOfSquares(part) - partSquares) < 1e-5 * partSquares)
            let y = x.view(in: workspace)
            kernels.add(view, times: -3, to: y)
            #expect(worst(y.values(), x.values.map { -2 * Double($0) }) < 1e-6)
        }
    }

    @Test("AdamW moves weights as PyTorch does", arguments: kernels)
    func adamW(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 26)
        let count = 37
        let start = random.floats(count)
        let workspace = Workspace()
        let row = { workspace.matrix(rows: 1, columns: count) }
        let (weights, gradient, first, second) = (row(), row(), row(), row())
        weights.copy(from: start[...])
        let zeros = [Double](repeating: 0, count: count)
        var (w, m, v) = (start.map(Double.init), zeros, zeros)
        for step in 1...5 {
            let slopes = random.floats(count, scale: 0.1)
            gradient.copy(from: slopes[...])
            kernels.update(
                weights, gradient: gradient, first: first, second: second, by: AdamW(), step: step, rate: 1e-2)
            var (left, right) = (1.0, 1.0)
            for _ in 0..<step { (left, right) = (left * 0.9, right * 0.999) }
            for index in 0..<count {
                let g = Double(slopes[index])
                w[index] *= 1 - 1e-2 * 0.01
                m[index] = 0.9 * m[index] + 0.1 * g
                v[index] = 0.999 * v[index] + 0.001 * g * g
                w[index] -= 1e-2 * (m[index] / (1 - left)) / ((v[index] / (1 - right)).squareRoot() + 1e-8)
            }
        }
        #expect(worst(weights.values(), w) < 1e-6)
        #expect(worst(first.values(), m) < 1e-7)
        #expect(worst(second.values(), v) < 1e-8)
    }
}
