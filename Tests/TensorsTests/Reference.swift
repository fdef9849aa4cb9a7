import Foundation

@testable import Tensors

/// The operations in double precision, one loop each: what the kernels are checked against.
enum Reference {
    static func product(_ a: Matrix, _ b: Matrix) -> [Double] {
        var out = [Double](repeating: 0, count: a.rows * b.columns)
        for i in 0..<a.rows {
            for j in 0..<b.columns {
                for p in 0..<a.columns { out[i * b.columns + j] += Double(a[i, p]) * Double(b[p, j]) }
            }
        }
        return out
    }

    static func gelu(_ u: Double) -> Double { u / (1 + exp(-1.702 * u)) }

    static func softmax(_ values: [Double]) -> [Double] {
        let top = values.max() ?? 0
        let powers = values.map { exp($0 - top) }
        let total = powers.reduce(0, +)
        return powers.map { $0 / total }
    }

    static func layerNorm(_ row: [Float], gain: [Float], shift: [Float]) -> [Double] {
        let values = row.map(Double.init)
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(values.count)
        return values.indices.map {
            (values[$0] - mean) / (variance + 1e-5).squareRoot() * Double(gain[$0]) + Double(shift[$0])
        }
    }
}

extension Matrix {
    /// A copy in a workspace.
    func view(in workspace: Workspace) -> MatrixView {
        let view = workspace.matrix(rows: rows, columns: columns)
        view.copy(from: values[...])
        return view
    }

    var transposed: Matrix {
        var out = Matrix(rows: columns, columns: rows)
        for row in 0..<rows { for column in 0..<columns { out.values[column * rows + row] = self[row, column] } }
        return out
    }
}

/// The largest difference of two lists.
func worst(_ found: [Float], _ expected: [Double]) -> Double {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).map { abs(Double($0) - $1) }.max() ?? 0
}
