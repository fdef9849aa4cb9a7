import TestSupport
import Testing

@testable import Tensors

/// Products of fewer bits by everything that this processor has for them, against plain loops.
@Suite("Products of fewer bits")
struct NarrowProductTests {
    /// A set of kernels with an arithmetic, and one of the ways to multiply that it has here.
    struct Way: CustomTestStringConvertible, Sendable {
        let kernels: Kernels
        let narrow: NarrowKernels
        var testDescription: String { "\(kernels.described) by \(narrow.name)" }
    }

    private static func ways(_ compute: Compute) -> [Way] {
        Kernels.available.flatMap { kernels in
            let kernels = kernels.computing(compute)
            return kernels.narrowChoices.map { Way(kernels: kernels, narrow: $0) }
        }
    }

    static let int8 = ways(.int8)
    static let bfloat16 = ways(.bfloat16)

    /// A product with everything that can follow it.
    fileprivate struct Case {
        let a: Matrix
        let b: Matrix
        let bias: [Float]
        let residual: Matrix

        init(_ rows: Int, _ inputs: Int, _ outputs: Int, _ random: inout SeededRandom) {
            // Not around 0, as activations are not.
            a = Matrix(rows: rows, columns: inputs, values: random.floats(rows * inputs).map { 3 * $0 + 1 })
            b = Matrix(rows: inputs, columns: outputs, values: random.floats(inputs * outputs))
            bias = random.floats(outputs)
            residual = Matrix(rows: rows, columns: outputs, values: random.floats(rows * outputs))
        }

        func linear(_ way: Way) -> Linear {
            Linear(
                weights: PackedWeights(
                    inputs: b.rows, outputs: b.columns, values: b.values, strides: (b.columns, 1),
                    kernels: way.kernels, narrow: way.narrow), bias: bias)
        }

        func product(_ way: Way, _ activation: Activation = .identity) -> [Float] {
            let workspace = Workspace()
            let out = residual.view(in: workspace)
            way.kernels.product(
                a.view(in: workspace), linear(way), into: out, residual: out, activation: activation,
                scratch: Self.scratch(way, a.rows, b.rows, workspace))
            return out.values()
        }

        static func scratch(_ way: Way, _ rows: Int, _ inputs: Int, _ workspace: Workspace) -> NarrowScratch? {
            let bytes = way.narrow.table.pointee.scratch_bytes(rows, inputs)
            return bytes == 0
                ? nil : NarrowScratch(base: UnsafeMutableRawPointer(workspace.words((bytes + 3) / 4)), bytes: bytes)
        }

        /// The same by plain loops, of a left-hand and a right-hand side that were rounded.
        func expected(_ a: [Double], _ b: [Double]) -> [Double] {
            (0..<self.a.rows * self.b.columns).map { index in
                let (row, column) = (index / self.b.columns, index % self.b.columns)
                let sum = (0..<self.b.rows).reduce(0.0) {
                    $0 + a[row * self.b.rows + $1] * b[$1 * self.b.columns + column]
                }
                return sum + Double(bias[column]) + Double(residual.values[index])
            }
        }
    }

    @Test("8-bit integers give the same bits by every set of instructions, for every number of rows", arguments: int8)
    func sameBits(way: Way) throws {
        let portable = try #require(Self.int8.last)
        var random = SeededRandom(seed: 1)
        for rows in 1...37 {
            for (inputs, outputs) in [(1, 1), (7, 5), (64, 33), (65, 96), (130, 40)] {
                let one = Case(rows, inputs, outputs, &random)
                #expect(one.product(way) == one.product(portable), "\(rows) \(inputs) \(outputs)")
            }
        }
    }

    @Test("8-bit integers are the nearest of a row's and a column's 255 steps", arguments: int8)
    func steps(way: Way) {
        var random = SeededRandom(seed: 2)
        let one = Case(9, 70, 50, &random)
        let b = (0..<50).map { column in
            let values = (0..<70).map { Double(one.b[$0, column]) }
            let scale = (values.map(abs).max() ?? 0) / 127
            return values.map { ($0 / scale).rounded() * scale }
        }
        let a = (0..<9).flatMap { row -> [Double] in
            let values = one.a[row: row].map { Double($0) }
            let (low, high) = (min(0, values.min() ?? 0), max(0, values.max() ?? 0))
            let scale = (high - low) / 255
            let zero = (-low / scale).rounded()
            return values.map { scale * (min(255, max(0, ($0 / scale).rounded() + zero)) - zero) }
        }
        let expected = one.expected(a, (0..<70 * 50).map { b[$0 % 50][$0 / 50] })
        // A value in the middle between two steps may become either.
        #expect(worst(one.product(way), expected) < 0.05)
    }

    @Test(
        "weights as bfloat16 are the float32 product with the same rounded weights, where rows stay as they are",
        arguments: bfloat16)
    func rounded(way: Way) {
        var random = SeededRandom(seed: 3)
        for rows in [1, 5, 6, 12, 29] {
            for (inputs, outputs) in [(1, 1), (7, 5), (64, 33), (65, 96)] {
                let one = Case(rows, inputs, outputs, &random)
                let b = one.b.values.map(Self.rounded)
                let staysAsItIs = way.narrow.table.pointee.scratch_bytes(rows, inputs) == 0
                let a = staysAsItIs ? one.a.values : one.a.values.map(Self.rounded)
                let expected = one.expected(a.map(Double.init), b.map(Double.init))
                let found = one.product(way)
                #expect(worst(found, expected) < 2e-4, "\(rows) \(inputs) \(outputs)")
                guard staysAsItIs else { continue }
                let workspace = Workspace()
                let out = one.residual.view(in: workspace)
                let exact = way.kernels.computing(.float32)
                exact.product(
                    one.a.view(in: workspace),
                    Linear(
                        weights: PackedWeights(inputs: inputs, outputs: outputs, inputMajor: b, kernels: exact),
                        bias: one.bias), into: out, residual: out)
                #expect(found == out.values(), "\(rows) \(inputs) \(outputs)")
            }
        }
    }

    @Test("weights that are cut where a panel begins give the bits of the whole's columns", arguments: int8 + bfloat16)
    func cut(way: Way) {
        var random = SeededRandom(seed: 6)
        let (panel, rows, inputs) = (way.narrow.table.pointee.panel, 13, 71)
        let one = Case(rows, inputs, 4 * panel, &random)
        let linear = one.linear(way)
        #expect(linear.canBeCut(at: [0, panel, 4 * panel]) && !linear.canBeCut(at: [panel, panel + 1]))
        let whole = one.product(way)
        for range in [0..<panel, panel..<4 * panel, 2 * panel..<3 * panel] {
            let workspace = Workspace()
            let out = one.residual.view(in: workspace).columns(range)
            way.kernels.product(
                one.a.view(in: workspace), linear.outputs(range), into: out, residual: out,
                scratch: Case.scratch(way, rows, inputs, workspace))
            let columns = 4 * panel
            var expected: [Float] = []
            for row in 0..<rows {
                expected += whole[row * columns..<(row + 1) * columns].dropFirst(range.lowerBound).prefix(range.count)
            }
            #expect(out.values() == expected, "\(range)")
        }
    }

    @Test("a row's result is the same bits alone and in any batch", arguments: int8 + bfloat16)
    func batchInvariance(way: Way) {
        var random = SeededRandom(seed: 4)
        let (m, k, n) = (300, 71, 50)
        let a = Matrix(rows: m, columns: k, values: random.floats(m * k))
        let linear = Case(1, k, n, &random).linear(way)
        let workspace = Workspace()
        let scratch = Case.scratch(way, m, k, workspace)
        let view = a.view(in: workspace)
        let all = workspace.matrix(rows: m, columns: n)
        way.kernels.product(view, linear, into: all, activation: .quickGELU, scratch: scratch)
        for row in [0, 1, 5, 6, 11, 12, 255, 256, 257, 258, 263, 264, 299] {
            let one = workspace.matrix(rows: 1, columns: n)
            way.kernels.product(
                view.rows(row..<row + 1), linear, into: one, activation: .quickGELU, scratch: scratch)
            #expect(one.values() == all.rows(row..<row + 1).values(), "row \(row)")
        }
    }

    @Test(
        "rows and columns of zeros give what follows the product; what is no number stays none",
        arguments: int8 + bfloat16)
    func edges(way: Way) throws {
        var random = SeededRandom(seed: 5)
        var one = Case(7, 40, 20, &random)
        one = Case(
            a: one.a.with { $0.replaceSubrange(80..<120, with: repeatElement(0, count: 40)) },
            b: one.b.with { values in for row in 0..<40 { values[row * 20 + 3] = 0 } }, one)
        let found = one.product(way)
        for column in 0..<20 {
            #expect(found[2 * 20 + column] == one.bias[column] + one.residual.values[2 * 20 + column])
        }
        for row in 0..<7 { #expect(found[row * 20 + 3] == one.bias[3] + one.residual.values[row * 20 + 3]) }
        for bad in [Float.nan, .infinity] {
            let broken = Case(a: one.a.with { $0[45] = bad }, b: one.b, one).product(way)
            #expect(!broken[20].isFinite && broken[0] == found[0])
            let weights = Case(a: one.a, b: one.b.with { $0[20 * 4 + 1] = bad }, one).product(way)
            #expect(!weights[1].isFinite && weights[0] == found[0])
        }
    }

    private static func rounded(_ x: Float) -> Float {
        let bits = x.bitPattern
        return Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
    }
}

extension NarrowProductTests.Case {
    fileprivate init(a: Matrix, b: Matrix, _ other: Self) {
        self.a = a
        self.b = b
        bias = other.bias
        residual = other.residual
    }
}

extension Matrix {
    fileprivate func with(_ change: (inout [Float]) -> Void) -> Matrix {
        var values = values
        change(&values)
        return Matrix(rows: rows, columns: columns, values: values)
    }
}
