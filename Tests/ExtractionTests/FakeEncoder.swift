import Extraction
import Frames
import Platform
import Tensors

/// A tower of which anybody can say what comes out: the sum, the first byte and the middle byte of a square.
struct FakeEncoder: FrameEncoder {
    let resolution = 32
    let outputWidth = 3

    func scratch(images: Int) -> Int { images }

    func encode(_ images: [[UInt8]], with scratch: Int) -> Matrix {
        precondition((1...scratch).contains(images.count), "a batch fits into its memory")
        return Matrix(
            rows: images.count, columns: 3,
            values: images.flatMap { image in
                [Float(image.reduce(0) { $0 + Int($1) }) / Float(image.count), Float(image[0]), Float(image[1_500])]
            })
    }
}

/// Frames of one colour each, a few pixels wide, whose value is their number.
struct CountedFrames: FrameSource {
    let kind = "counted"
    let count: Int?
    private let all: Int
    private var index = 0
    private let slope: Int

    /// - Parameters:
    ///   - isKnown: whether the number is told beforehand
    ///   - slope: how much brighter the right edge is than the left one
    init(_ all: Int, isKnown: Bool = false, slope: Int = 0) {
        (self.all, count, self.slope) = (all, isKnown ? all : nil, slope)
    }

    mutating func next(into frame: inout Frame?) throws(FrameError) -> Bool {
        guard index < all else { return false }
        var bytes: [UInt8] = []
        for _ in 0..<6 { for x in 0..<8 { bytes += [UInt8](repeating: UInt8(index % 128 + slope * x / 7), count: 3) } }
        frame = try Frame(width: 8, height: 6, bytes: bytes)
        index += 1
        return true
    }
}
