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
        layerNorm(row.map(Double.init), gain: gain, shift: shift)
    }

    static func layerNorm(_ values: [Double], gain: [Float], shift: [Float]) -> [Double] {
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(values.count)
        return values.indices.map {
            (values[$0] - mean) / (variance + 1e-5).squareRoot() * Double(gain[$0]) + Double(shift[$0])
        }
    }

    /// The similarity graph of rows, row after row.
    static func similarity(_ x: [Double], rows: Int) -> [Double] {
        let width = x.count / rows
        func dot(_ i: Int, _ j: Int) -> Double { (0..<width).reduce(0) { $0 + x[i * width + $1] * x[j * width + $1] } }
        return (0..<rows).flatMap { i in
            softmax(
                (0..<rows).map { j in
                    let cosine = dot(i, j) / (dot(i, i).squareRoot() * dot(j, j).squareRoot() + 1e-20)
                    return cosine > 0.7 ? cosine : 0
                })
        }
    }

    /// Kernels [outputs, width, 5] along the rows of x, which has four more than come out; without the bias.
    static func convolution(_ x: [Double], _ taps: [Double], width: Int) -> [Double] {
        let (rows, outputs) = (x.count / width - 4, taps.count / width / 5)
        var y = [Double](repeating: 0, count: rows * outputs)
        for row in 0..<rows {
            for output in 0..<outputs {
                for column in 0..<width {
                    for tap in 0..<5 {
                        y[row * outputs + output] +=
                            x[(row + tap) * width + column] * taps[(output * width + column) * 5 + tap]
                    }
                }
            }
        }
        return y
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
