import Foundation
import TestSupport
import Testing

@testable import Tensors

@Suite("Operations along a row")
struct RowTests {
    static let kernels = Kernels.available.map(\.name)

    @Test("exp is within 2 ulp over all of its range, 0 below it, infinity above it", arguments: kernels)
    func exponential(name: String) throws {
        let kernels = try Kernels.named(name)
        var values: [Float] = stride(from: Float(-87.3), through: 88.7, by: 0.001_3).map { $0 }
        let inputs = values
        kernels.exponential(&values)
        var worst = 0.0
        for (x, y) in zip(inputs, values) {
            let exact = exp(Double(x))
            worst = max(worst, abs(Double(y) - exact) / Double(Float(exact).ulp))
        }
        #expect(worst <= 2, "\(worst) ulp")
        var special: [Float] = [-.infinity, -1000, 0, 1000, .infinity, .nan]
        kernels.exponential(&special)
        #expect(special.prefix(5) == [0, 0, 1, .infinity, .infinity])
        #expect(special[5].isNaN)
    }

    @Test("softmax, LayerNorm and QuickGELU agree with double precision at every width", arguments: kernels)
    func rows(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 6)
        for width in Array(1...40) + [63, 64, 65, 512] {
            let x = Matrix(rows: 3, columns: width, values: random.floats(3 * width, scale: 4))
            let gain = random.floats(width)
            let shift = random.floats(width)
            let workspace = Workspace()
            let soft = x.view(in: workspace)
            kernels.softmax(soft)
            let normed = workspace.matrix(rows: 3, columns: width)
            kernels.layerNorm(x.view(in: workspace), LayerNorm(gain: gain, shift: shift), into: normed)
            let activated = workspace.matrix(rows: 3, columns: width)
            kernels.quickGELU(x.view(in: workspace), into: activated)
            for row in 0..<3 {
                let line = Array(x[row: row])
                let one = row..<row + 1
                #expect(worst(soft.rows(one).values(), Reference.softmax(line.map(Double.init))) < 1e-6)
                #expect(
                    worst(normed.rows(one).values(), Reference.layerNorm(line, gain: gain, shift: shift)) < 2e-5,
                    "width \(width)")
                #expect(worst(activated.rows(one).values(), line.map { Reference.gelu(Double($0)) }) < 1e-6)
            }
        }
    }

    @Test("similarities not above the threshold become 0 and stay in the softmax", arguments: kernels)
    func similarity(name: String) throws {
        let kernels = try Kernels.named(name)
        var random = SeededRandom(seed: 7)
        for count in [1, 2, 5, 16, 33] {
            let x = Matrix(rows: count, columns: 3, values: random.floats(count * 3))
            let workspace = Workspace()
            let view = x.view(in: workspace)
            let graph = workspace.matrix(rows: count, columns: count)
            let lengths = workspace.matrix(rows: count, columns: 1)
            kernels.lengths(view, into: lengths)
            kernels.dots(view, view, into: graph)
            kernels.similarity(graph, own: lengths, lengths: lengths, threshold: 0.7)
            for i in 0..<count {
                let cosines = (0..<count).map { j -> Double in
                    let dot = zip(x[row: i], x[row: j]).map { Double($0) * Double($1) }.reduce(0, +)
                    let lengths = [i, j].map { x[row: $0].map { Double($0) * Double($0) }.reduce(0, +).squareRoot() }
                    let cosine = dot / (lengths[0] * lengths[1] + 1e-20)
                    return cosine > 0.7 ? cosine : 0
                }
                #expect(worst(graph.rows(i..<i + 1).values(), Reference.softmax(cosines)) < 1e-5)
            }
        }
    }

    @Test("kernels that are not there are refused by name, with those that are")
    func unknownKernels() {
        #expect(throws: KernelsError(asked: "sse9", available: Kernels.available.map(\.name))) {
            try Kernels.choose("sse9")
        }
    }

    @Test("row lengths, repeated rows and values that are not finite are found")
    func statistics() {
        var random = SeededRandom(seed: 8)
        var matrix = Matrix(rows: 5, columns: 37, values: random.floats(5 * 37))
        matrix.values.replaceSubrange(3 * 37..<4 * 37, with: matrix[row: 2])
        let lengths = matrix.rowLengths
        for row in 0..<5 {
            let exact = matrix[row: row].map { Double($0) * Double($0) }.reduce(0, +).squareRoot()
            #expect(abs(Double(lengths[row]) - exact) < 1e-5)
        }
        #expect((0..<5).map { matrix.repeatsPrevious(row: $0) } == [false, false, false, true, false])
        #expect(matrix.firstNotFinite == nil)
        for value in [Float.nan, .infinity, -.infinity] {
            matrix.values[100] = value
            #expect(matrix.firstNotFinite == 100)
        }
    }
}
