import CKernels

/// Pillow's antialiased bicubic resize of which a part is wanted, byte for byte: along the rows, to bytes, then across them;
/// an axis that keeps its length is left alone.
///
/// Of the rows that were resized along only those are held that a row of the result needs, whatever the size of the frame.
struct BicubicResize: Sendable {
    private let width: Int
    private let height: Int
    private let window: Window
    /// Nil for an axis that keeps its length.
    private let across: BicubicTaps?
    private let down: BicubicTaps?
    /// The rows of the frame that are needed, and the columns.
    private let rows: Range<Int>
    private let columns: Range<Int>

    /// From a size to another one, of which `window` is wanted.
    init(from size: (width: Int, height: Int), to target: (width: Int, height: Int), window: Window) {
        (width, height) = size
        self.window = window
        let across =
            width == target.width
            ? nil : BicubicTaps(from: width, to: target.width, part: window.columns)
        down = height == target.height ? nil : BicubicTaps(from: height, to: target.height, part: window.rows)
        columns = across?.inputs ?? window.columns
        rows = down?.inputs ?? window.rows
        self.across = across?.moved(by: columns.lowerBound)
    }

    /// The part of the resized image; `frame` has as many bytes as its size says.
    func picture(of frame: UnsafeRawBufferPointer) -> Picture {
        let row = 3 * window.width
        let bytes = [UInt8](unsafeUninitializedCapacity: row * window.height) { buffer, count in
            let frame = frame.bindMemory(to: UInt8.self)
            if let from = frame.baseAddress, let to = buffer.baseAddress {
                if let down {
                    fill(to, from, down)
                } else {
                    resizeAcross(rows, of: from, to: to)
                }
            }
            count = row * window.height
        }
        return Picture(width: window.width, height: window.height, bytes: bytes)
    }

    private static let block = Int(VG_RESIZED_ROWS)

    /// Rows of the result, one after the other, from a band of rows that moves down the frame.
    ///
    /// Sound: the band has room for the rows that one row of the result needs and for a block more; `held` says which rows of
    /// the frame it has, from its first place on.
    private func fill(_ result: UnsafeMutablePointer<UInt8>, _ frame: UnsafePointer<UInt8>, _ down: BicubicTaps) {
        let row = 3 * window.width
        let room = 2 * (down.most + Self.block)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room * row) { band in
            guard let band = band.baseAddress else { return }
            var held = rows.lowerBound..<rows.lowerBound
            for y in 0..<window.height {
                let first = Int(down.firsts[y])
                let count = Int(down.counts[y])
                while held.upperBound < first + count {
                    let next = held.upperBound..<min(held.upperBound + Self.block, rows.upperBound)
                    if held.count + next.count > room {
                        let kept = first..<held.upperBound
                        band.update(from: band + (first - held.lowerBound) * row, count: kept.count * row)
                        held = kept
                    }
                    resizeAcross(next, of: frame, to: band + held.count * row)
                    held = held.lowerBound..<next.upperBound
                }
                down.weights.withUnsafeBufferPointer { weights in
                    guard let weights = weights.baseAddress else { return }
                    vg_resize_down(
                        row, count, band + (first - held.lowerBound) * row, row, weights + y * down.most,
                        result + y * row)
                }
            }
        }
    }

    /// Rows of the frame, resized along themselves and no more.
    private func resizeAcross(
        _ rows: Range<Int>, of frame: UnsafePointer<UInt8>, to result: UnsafeMutablePointer<UInt8>
    ) {
        let row = 3 * window.width
        let start = frame + 3 * columns.lowerBound
        guard let across else {
            for (index, y) in rows.enumerated() {
                (result + index * row).update(from: start + 3 * y * width, count: row)
            }
            return
        }
        let scratch = Self.block * 3 * (columns.count + window.width)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: scratch) { scratch in
            across.withPointers { taps in
                for y in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.block) {
                    vg_resize_across(
                        min(Self.block, rows.upperBound - y), columns.count, start + 3 * y * width, 3 * width, taps,
                        result + (y - rows.lowerBound) * row, row, scratch.baseAddress)
                }
            }
        }
    }
}

/// A row's pixels from right to left.
func mirror(_ from: UnsafePointer<UInt8>, _ to: UnsafeMutablePointer<UInt8>, pixels: Int) {
    vg_mirror(pixels, from, to)
}
