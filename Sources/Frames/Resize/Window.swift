/// A part of an image, in pixels from its left upper corner.
struct Window: Equatable, Sendable {
    var left: Int
    var top: Int
    var width: Int
    var height: Int

    var columns: Range<Int> { left..<left + width }
    var rows: Range<Int> { top..<top + height }

    /// A square in the middle; a half of the rest is rounded to the even number.
    static func middle(_ side: Int, of width: Int, _ height: Int) -> Window {
        func offset(_ length: Int) -> Int { Int((Double(length - side) / 2).rounded(.toNearestOrEven)) }
        return Window(left: offset(width), top: offset(height), width: side, height: side)
    }

    /// The smallest that holds them all.
    static func around(_ windows: [Window]) -> Window {
        let left = windows.map(\.left).min() ?? 0
        let top = windows.map(\.top).min() ?? 0
        let right = windows.map(\.columns.upperBound).max() ?? 0
        let bottom = windows.map(\.rows.upperBound).max() ?? 0
        return Window(left: left, top: top, width: right - left, height: bottom - top)
    }
}

/// An image that is worked on: bytes R G B by rows, as large as it has to be.
struct Picture: Sendable {
    let width: Int
    let height: Int
    var bytes: [UInt8]

    /// A part of it, as it is or from right to left.
    func cut(_ window: Window, isMirrored: Bool) -> Picture {
        let row = 3 * window.width
        let bytes = [UInt8](unsafeUninitializedCapacity: row * window.height) { buffer, count in
            self.bytes.withUnsafeBufferPointer { from in
                // In bounds: the window lies inside of the picture, and the buffer has as many rows.
                guard let from = from.baseAddress, let to = buffer.baseAddress else { return }
                for y in 0..<window.height {
                    let start = from + 3 * ((window.top + y) * width + window.left)
                    if isMirrored {
                        mirror(start, to + y * row, pixels: window.width)
                    } else {
                        (to + y * row).update(from: start, count: row)
                    }
                }
            }
            count = row * window.height
        }
        return Picture(width: window.width, height: window.height, bytes: bytes)
    }
}
