import CKernels

/// Along one axis, which inputs a part of the outputs is made of, and how much of each: Pillow's antialiased bicubic.
struct BicubicTaps: Sendable {
    private(set) var firsts: [Int32] = []
    private(set) var counts: [Int32] = []
    /// Those of an output begin at a multiple of ``most``.
    private(set) var weights: [Int32] = []
    private(set) var most = 1

    /// - Parameters:
    ///   - input, output: lengths of the axis before and after
    ///   - part: the outputs that are wanted
    init(from input: Int, to output: Int, part: Range<Int>) {
        let scale = Double(input) / Double(output)
        // Shrinking widens the kernel, which keeps fine patterns from aliasing; enlarging does not narrow it.
        let stretch = max(scale, 1)
        let taps = part.map { Self.taps(of: $0, scale: scale, stretch: stretch, input: input) }
        most = taps.map(\.weights.count).max() ?? 1
        for (first, weights) in taps {
            firsts.append(Int32(first))
            counts.append(Int32(weights.count))
            self.weights += weights + [Int32](repeating: 0, count: most - weights.count)
        }
    }

    /// The inputs that the outputs need.
    var inputs: Range<Int> {
        // Both ends of the taps of an output never lie before those of the one before it.
        guard let first = firsts.first, let last = firsts.last, let count = counts.last else { return 0..<0 }
        return Int(first)..<Int(last + count)
    }

    /// The same, counted from another input on.
    func moved(by distance: Int) -> BicubicTaps {
        var moved = self
        moved.firsts = firsts.map { $0 - Int32(distance) }
        return moved
    }

    /// Calls with what the kernels take.
    func withPointers<R>(_ body: (UnsafePointer<vg_taps>) -> R) -> R {
        firsts.withUnsafeBufferPointer { firsts in
            counts.withUnsafeBufferPointer { counts in
                weights.withUnsafeBufferPointer { weights in
                    var taps = vg_taps(
                        outputs: firsts.count, most: most, firsts: firsts.baseAddress, counts: counts.baseAddress,
                        weights: weights.baseAddress)
                    return withUnsafePointer(to: &taps) { body($0) }
                }
            }
        }
    }

    private static func taps(
        of output: Int, scale: Double, stretch: Double, input: Int
    ) -> (first: Int, weights: [Int32]) {
        let centre = (Double(output) + 0.5) * scale
        let first = max(Int(centre - 2 * stretch + 0.5), 0)
        let end = min(Int(centre + 2 * stretch + 0.5), input)
        let factor = 1 / stretch
        let shares = (first..<end).map { cubic((Double($0) - centre + 0.5) * factor) }
        let sum = shares.reduce(0, +)
        return (first, shares.map { fixed($0 / sum) })
    }

    private static func fixed(_ share: Double) -> Int32 {
        let scaled = share * 4_194_304
        return Int32(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
    }

    /// The cubic kernel with a = -1/2, in Pillow's order of operations.
    private static func cubic(_ t: Double) -> Double {
        let t = abs(t)
        let a = -0.5
        if t < 1 { return ((a + 2) * t - (a + 3)) * t * t + 1 }
        if t < 2 { return (((t - 5) * t + 8) * t - 4) * a }
        return 0
    }
}
