import CKernels

/// OpenCV's default resize of which a part is wanted, byte for byte: two inputs for each output and axis, no antialiasing.
struct BilinearResize: Sendable {
    /// For each output its two inputs and their weights, of 2048.
    private struct Axis {
        var lower: [Int32] = []
        var upper: [Int32] = []
        var lowerWeights: [Int16] = []
        var upperWeights: [Int16] = []

        /// - Parameter keepsInside: whether places beyond the border are moved onto it, as columns are; rows keep the
        ///   weights of where they are
        init(from input: Int, to output: Int, part: Range<Int>, keepsInside: Bool) {
            let scale = Double(input) / Double(output)
            for index in part {
                var at = Float((Double(index) + 0.5) * scale - 0.5)
                if keepsInside { at = min(max(at, 0), Float(input - 1)) }
                let low = at.rounded(.down)
                let fraction = at - low
                lower.append(Int32(min(max(Int(low), 0), input - 1)))
                upper.append(Int32(min(max(Int(low) + 1, 0), input - 1)))
                lowerWeights.append(Int16(((1 - fraction) * 2048).rounded(.toNearestOrEven)))
                upperWeights.append(Int16((fraction * 2048).rounded(.toNearestOrEven)))
            }
        }
    }

    private let width: Int
    private let window: Window
    private let columns: Axis
    private let rows: Axis

    /// From a size to another one, of which `window` is wanted.
    init(from size: (width: Int, height: Int), to target: (width: Int, height: Int), window: Window) {
        width = size.width
        self.window = window
        var columns = Axis(from: size.width, to: target.width, part: window.columns, keepsInside: true)
        columns.lower = columns.lower.map { 3 * $0 }
        columns.upper = columns.upper.map { 3 * $0 }
        self.columns = columns
        rows = Axis(from: size.height, to: target.height, part: window.rows, keepsInside: false)
    }

    /// The part of the resized image; `frame` has as many bytes as its size says.
    func picture(of frame: UnsafeRawBufferPointer) -> Picture {
        let row = 3 * window.width
        let bytes = [UInt8](unsafeUninitializedCapacity: row * window.height) { buffer, count in
            withUnsafeTemporaryAllocation(of: Int16.self, capacity: 2 * row) { sums in
                let frame = frame.bindMemory(to: UInt8.self)
                if let from = frame.baseAddress, let to = buffer.baseAddress, let sums = sums.baseAddress {
                    fill(to, from, sums)
                }
            }
            count = row * window.height
        }
        return Picture(width: window.width, height: window.height, bytes: bytes)
    }

    /// Two rows of sums are held, which the next row of the result often needs again.
    private func fill(
        _ result: UnsafeMutablePointer<UInt8>, _ frame: UnsafePointer<UInt8>, _ sums: UnsafeMutablePointer<Int16>
    ) {
        let row = 3 * window.width
        var held: [Int32] = [-1, -1]
        for y in 0..<window.height {
            let (top, bottom) = (rows.lower[y], rows.upper[y])
            let places = [top, bottom].map { wanted in
                if let place = held.firstIndex(of: wanted) { return place }
                // The place whose row is not needed any more.
                let place = held[0] == top || held[0] == bottom ? 1 : 0
                held[place] = wanted
                across(frame + 3 * width * Int(wanted), to: sums + place * row)
                return place
            }
            vg_bilinear_down(
                row, sums + places[0] * row, sums + places[1] * row, Int32(rows.lowerWeights[y]),
                Int32(rows.upperWeights[y]), result + y * row)
        }
    }

    private func across(_ row: UnsafePointer<UInt8>, to sums: UnsafeMutablePointer<Int16>) {
        columns.lower.withUnsafeBufferPointer { lower in
            columns.upper.withUnsafeBufferPointer { upper in
                columns.lowerWeights.withUnsafeBufferPointer { u in
                    columns.upperWeights.withUnsafeBufferPointer { v in
                        vg_bilinear_across(
                            window.width, row, lower.baseAddress, upper.baseAddress, u.baseAddress, v.baseAddress, sums)
                    }
                }
            }
        }
    }
}
