import CKernels

/// Makes R G B of frames as nearly all videos keep them: planes of 8 bits, brightness for each pixel and two of chroma for each square of
/// four.
///
/// The bytes are those of libswscale 6 (ffmpeg 5.1) with `flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact` and no
/// dithering, on any machine.
package struct PlanarColours: Sendable {
    /// How colours are coded as brightness and chroma.
    package struct Coding: Equatable, Sendable {
        /// By whose weights.
        package enum Matrix: Equatable, Sendable {
            case bt601
            case bt709
        }

        /// Whether brightness has all values from 0 to 255; otherwise those from 16 to 235 alone.
        package let isFull: Bool
        /// The weights.
        package let matrix: Matrix

        /// A coding.
        package init(isFull: Bool, matrix: Matrix) { (self.isFull, self.matrix) = (isFull, matrix) }
    }

    /// Pixels of a frame.
    package let size: FrameSize
    /// How its colours are coded.
    package let coding: Coding
    private let columns: Taps
    private let rows: Taps
    private let colours: vg_colours

    /// Nil for sizes that are not taken: sides that are odd or shorter than 16.
    package init?(_ size: FrameSize, _ coding: Coding) {
        let sides = [size.width, size.height]
        guard sides.allSatisfy({ $0.isMultiple(of: 2) && (16...Frame.longestSide).contains($0) }) else { return nil }
        (self.size, self.coding) = (size, coding)
        columns = Taps(inputs: size.width / 2, one: 1 << 14)
        rows = Taps(inputs: size.height / 2, one: 1 << 12)
        colours = Self.colours(coding)
    }

    /// Bytes of all planes: brightness, U and V.
    package var byteCount: Int { size.width * size.height / 2 * 3 }

    /// Some rows of pixels; `planes` has ``byteCount`` bytes, and `target` three for each pixel of the rows.
    package func convert(
        _ planes: UnsafeRawBufferPointer, rows range: Range<Int>, to target: UnsafeMutableRawBufferPointer
    ) {
        precondition(
            planes.count == byteCount && target.count == 3 * size.width * range.count, "buffers are of the size")
        guard let planes = planes.bindMemory(to: UInt8.self).baseAddress,
            let target = target.bindMemory(to: UInt8.self).baseAddress
        else { return }
        // Of either chroma the four rows that are needed; a row is where its number says, modulo four.
        withUnsafeTemporaryAllocation(of: Int16.self, capacity: 8 * size.width) { lines in
            guard let lines = lines.baseAddress else { return }
            var held = [-1, -1, -1, -1]
            for y in range {
                let first = Int(rows.firsts[y])
                for row in first..<first + 4 where held[row % 4] != row {
                    held[row % 4] = row
                    across(planes, row, to: lines + 2 * size.width * (row % 4))
                }
                down(planes, y, first, lines, to: target + 3 * size.width * (y - range.lowerBound))
            }
        }
    }

    /// A row of U, and behind it one of V.
    private func across(_ planes: UnsafePointer<UInt8>, _ row: Int, to line: UnsafeMutablePointer<Int16>) {
        let (width, height) = (size.width / 2, size.height / 2)
        let u = planes + 4 * width * height + row * width
        columns.firsts.withUnsafeBufferPointer { firsts in
            columns.weights.withUnsafeBufferPointer { weights in
                vg_chroma_across(width, u, firsts.baseAddress, weights.baseAddress, line)
                vg_chroma_across(
                    width, u + width * height, firsts.baseAddress, weights.baseAddress, line + size.width)
            }
        }
    }

    private func down(
        _ planes: UnsafePointer<UInt8>, _ y: Int, _ first: Int, _ lines: UnsafeMutablePointer<Int16>,
        to target: UnsafeMutablePointer<UInt8>
    ) {
        let width = size.width
        let u = (first..<first + 4).map { Optional(UnsafePointer(lines + 2 * width * ($0 % 4))) }
        let v = u.map { $0.map { $0 + width } }
        rows.weights.withUnsafeBufferPointer { weights in
            withUnsafePointer(to: colours) {
                vg_colours_down(width, planes + y * width, u, v, weights.baseAddress.map { $0 + 4 * y }, $0, target)
            }
        }
    }

    /// As libswscale's `ff_yuv2rgb_c_init_tables` has them.
    private static func colours(_ coding: Coding) -> vg_colours {
        let weights =
            switch coding.matrix {
            case .bt601: [104_597, 132_201, -25_675, -53_279]
            case .bt709: [117_489, 138_438, -13_975, -34_925]
            }
        let scaled = weights.map { coding.isFull ? $0 * 224 / 255 : $0 }
        func rounded(_ value: Int) -> Int32 { Int32((value + (1 << 15)) >> 16) }
        return vg_colours(
            luma_offset: coding.isFull ? 0 : 16 << 9,
            luma: rounded((coding.isFull ? 1 << 16 : (1 << 16) * 255 / 219) << 13),
            v_red: rounded(scaled[0] << 13), v_green: rounded(scaled[3] << 13), u_green: rounded(scaled[2] << 13),
            u_blue: rounded(scaled[1] << 13))
    }
}

/// Four inputs and their weights for each of twice as many outputs.
private struct Taps: Sendable {
    private(set) var firsts: [Int32] = []
    private(set) var weights: [Int32] = []

    /// - Parameter one: what the weights of an output come to
    init(inputs: Int, one: Int) {
        for output in 0..<2 * inputs {
            let isEven = output.isMultiple(of: 2)
            let first = min(max(output / 2 - (isEven ? 2 : 1), 0), inputs - 4)
            var sums = [0, 0, 0, 0]
            // Of an even output the inputs lie 1.75, 0.75, 0.25 and 1.25 beside it.
            let distances = isEven ? [7, 3, 1, 5] : [5, 1, 3, 7]
            for (tap, quarters) in distances.enumerated() {
                // Places are divided as C does it, towards zero, so that these two have no input on their left.
                if tap == 0, output == 0 || output == 2 { continue }
                let input = min(max(output / 2 + tap - (isEven ? 2 : 1), 0), inputs - 1)
                sums[input - first] += Self.bicubic(quarters << 28)
            }
            firsts.append(Int32(first))
            weights += Self.shared(sums, one)
        }
    }

    /// The weight of an input at a distance of which 2^30 are a pixel.
    private static func bicubic(_ distance: Int) -> Int {
        let c = 10_066_329
        let square = (distance * distance) >> 30
        let cube = (square * distance) >> 30
        guard distance >= 1 << 30 else {
            return ((12 << 24) - 6 * c) * cube + (6 * c - (18 << 24)) * square + (6 << 54)
        }
        return 30 * c * square - 6 * c * cube - 48 * c * distance + 24 * (c << 30)
    }

    /// Rounded so that they come to `one`, what rounding leaves going to the next one.
    private static func shared(_ sums: [Int], _ one: Int) -> [Int32] {
        let unit = (sums.reduce(0, +) + one / 2) / one
        var left = 0
        return sums.map { sum in
            let value = sum + left
            let weight = (value >= 0 ? value + unit / 2 : value - unit / 2) / unit
            left = value - weight * unit
            return Int32(weight)
        }
    }
}
