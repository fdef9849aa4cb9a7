import Tensors

/// Causal attention of rows that have others before them which they share, head by head, forwards and backwards.
///
/// s shared rows come first, then o own ones; own row i sees the shared ones and own rows 0…i. A row's weights of head h are
/// in columns h · span and on: the shared rows', then the own ones'.
struct SharedAttention {
    let heads: Int
    let width: Int
    let span: Int
    let kernels: Kernels

    /// Which rows are meant: those that ask are own ones, the last of them.
    struct Rows {
        let shared: Range<Int>
        let own: Range<Int>
        let asking: Range<Int>
    }

    private var headWidth: Int { width / heads }
    private var scale: Float { 1 / Float(headWidth).squareRoot() }

    private func columns(_ head: Int, part: Int) -> Range<Int> {
        part * width + head * headWidth..<part * width + (head + 1) * headWidth
    }

    private func weights(_ head: Int, shared: Int, own: Int) -> (shared: Range<Int>, own: Range<Int>) {
        let middle = head * span + shared
        return (head * span..<middle, middle..<middle + own)
    }

    /// softmax(q kᵀ / √(d / heads)) v.
    ///
    /// - Parameters:
    ///   - projected: queries, keys and values of all rows, [rows, 3d]
    ///   - weights: [asking, heads · span]
    ///   - mixed: [asking, d]
    func run(_ rows: Rows, projected: MatrixView, weights: MatrixView, into mixed: MatrixView) {
        let (shared, own) = (projected.rows(rows.shared), projected.rows(rows.own))
        let asking = projected.rows(rows.asking)
        let first = rows.asking.lowerBound - rows.own.lowerBound
        for head in 0..<heads {
            let queries = asking.columns(columns(head, part: 0))
            let (keys, values) = (columns(head, part: 1), columns(head, part: 2))
            let places = self.weights(head, shared: rows.shared.count, own: rows.own.count)
            let (toShared, toOwn) = (weights.columns(places.shared), weights.columns(places.own))
            kernels.dots(queries, shared.columns(keys), scale: scale, into: toShared)
            kernels.dots(queries, own.columns(keys), scale: scale, into: toOwn)
            for row in 0..<asking.rows {
                let end = first + row + 1
                kernels.softmax(
                    weights.rows(row..<row + 1).columns(places.shared.lowerBound..<places.own.lowerBound + end))
                toOwn.rows(row..<row + 1).columns(end..<rows.own.count).fill(0)
            }
            let out = mixed.columns(columns(head, part: 0))
            kernels.product(toOwn, own.columns(values), into: out)
            if !rows.shared.isEmpty { kernels.product(toShared, shared.columns(values), into: out, residual: out) }
        }
    }

    /// Gradients by queries, keys and values from that by what `run` made.
    ///
    /// - Parameters:
    ///   - dMixed: [asking, d]
    ///   - own: [own, 3d]; queries that were not asked with are left alone
    ///   - shared: by the shared rows' keys and values, [s, 2d]
    ///   - slopes: scratch, [own, span]
    func runBackward(
        _ rows: Rows, projected: MatrixView, weights: MatrixView, dMixed: MatrixView, own: MatrixView,
        shared: MatrixView, slopes: MatrixView, product scratch: MatrixView
    ) {
        let (s, o) = (rows.shared.count, rows.own.count)
        let (before, among) = (projected.rows(rows.shared), projected.rows(rows.own))
        let asking = projected.rows(rows.asking)
        let first = rows.asking.lowerBound - rows.own.lowerBound
        let d = slopes.rows(0..<asking.rows).columns(0..<s + o)
        for head in 0..<heads {
            let (q, k, v) = (columns(head, part: 0), columns(head, part: 1), columns(head, part: 2))
            let places = self.weights(head, shared: s, own: o)
            let (dm, y) = (dMixed.columns(q), weights.columns(places.shared.lowerBound..<places.own.upperBound))
            kernels.dots(dm, before.columns(v), into: d.columns(0..<s))
            kernels.dots(dm, among.columns(v), into: d.columns(s..<s + o))
            kernels.softmaxBackward(y, scale: scale, gradient: d)
            let dq = own.rows(first..<o).columns(q)
            kernels.product(d.columns(s..<s + o), among.columns(k), into: dq)
            kernels.transposedProduct(
                d.columns(s..<s + o), asking.columns(q), into: own.columns(k), scratch: scratch)
            kernels.transposedProduct(y.columns(s..<s + o), dm, into: own.columns(v), scratch: scratch)
            if s == 0 { continue }
            kernels.product(d.columns(0..<s), before.columns(k), into: dq, residual: dq)
            kernels.transposedProduct(d.columns(0..<s), asking.columns(q), into: shared.columns(q), scratch: scratch)
            kernels.transposedProduct(y.columns(0..<s), dm, into: shared.columns(k), scratch: scratch)
        }
    }
}
