import Frames
import Platform
import TestSupport
import Testing

@Suite("Frames become squares")
struct PreprocessorTests {
    private func noise(_ width: Int, _ height: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return (0..<width * height * 3).map { _ in
            // Mostly full contrast, where weights below zero reach beyond bytes.
            let byte = UInt8(truncatingIfNeeded: random.next())
            return byte < 100 ? 0 : byte > 155 ? 255 : byte
        }
    }

    private func image(_ recipe: Recipe?, of frame: Frame) throws -> [UInt8] {
        var preprocessor = Preprocessor([try #require(recipe)])
        return preprocessor.images(of: frame)[0]
    }

    @Test("of random sizes, byte for byte as a plain reference does it, in all recipes", arguments: 1...6)
    func randomSizes(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        // The reference makes all of the long side: of narrow frames that would take minutes.
        let (width, height) = (Int.random(in: 80...200, using: &random), Int.random(in: 80...200, using: &random))
        let side = [32, 224, 48, 33][seed % 4]
        let bytes = noise(width, height, seed: UInt64(seed))
        let frame = try Frame(width: width, height: height, bytes: bytes)
        let reference = Reference(width: width, height: height, bytes: bytes)
        let square = try image(Recipe(.clip, crop: nil, resolution: side), of: frame)
        // Told by itself: a list of what differs in so many bytes takes for ever.
        let isSquare = square == reference.square(side).bytes
        #expect(isSquare, "\(width)x\(height) to \(side)")
        let kind = Recipe.Kind.allCases[seed % 2]
        let found = try image(Recipe(kind, crop: seed + 2, resolution: 224), of: frame)
        #expect(found == reference.crop(kind, seed + 2).bytes, "\(width)x\(height), \(kind) \(seed + 2)")
    }

    @Test(
        "sizes that keep an axis, are one pixel wide, or far longer than wide",
        arguments: [
            (224, 224), (224, 300), (300, 224), (340, 256), (340, 20), (20, 256), (1, 1), (1, 700), (700, 1), (15, 17),
        ])
    func oddSizes(width: Int, height: Int) throws {
        let bytes = noise(width, height, seed: 9)
        let frame = try Frame(width: width, height: height, bytes: bytes)
        let reference = Reference(width: width, height: height, bytes: bytes)
        if max(width, height) / min(width, height) < 2 {
            let isSquare =
                try image(Recipe(.clip, crop: nil, resolution: 224), of: frame) == reference.square(224).bytes
            #expect(isSquare)
        }
        let found = try image(Recipe(.vadclip, crop: 7, resolution: 224), of: frame)
        let isVadCLIP = found == reference.crop(.vadclip, 7).bytes
        #expect(isVadCLIP)
        let pillow = try image(Recipe(.clip, crop: 5, resolution: 224), of: frame)
        let isPillow = pillow == reference.crop(.clip, 5).bytes
        #expect(isPillow)
    }

    @Test("a crop for a tower of another size is resized as CLIP resizes it")
    func smallTower() throws {
        let bytes = noise(90, 70, seed: 3)
        let frame = try Frame(width: 90, height: 70, bytes: bytes)
        let crop = Reference(width: 90, height: 70, bytes: bytes).crop(.vadclip, 6)
        let isSmall = try image(Recipe(.vadclip, crop: 6, resolution: 32), of: frame) == crop.square(32).bytes
        #expect(isSmall)
    }

    @Test("the widest frame is what the reference makes of it, to both its ends")
    func widest() throws {
        let (width, height) = (16_384, 4)
        let bytes = noise(width, height, seed: 6)
        let frame = try Frame(width: width, height: height, bytes: bytes)
        let reference = Reference(width: width, height: height, bytes: bytes)
        for (kind, crop) in [(Recipe.Kind.vadclip, 1), (.vadclip, 9), (.clip, 2), (.clip, 6)] {
            let isSame =
                try image(Recipe(kind, crop: crop, resolution: 224), of: frame) == reference.crop(kind, crop).bytes
            #expect(isSame, "\(kind) \(crop)")
        }
        // CLIP's square is the middle: each column becomes 56, so that of the 32 in the middle has the same pixels.
        var middle: [UInt8] = []
        for row in 0..<height {
            let start = 3 * (row * width + 8_176)
            middle += bytes[start..<start + 3 * 32]
        }
        let isSquare =
            try image(Recipe(.clip, crop: nil, resolution: 224), of: frame)
            == Reference(width: 32, height: height, bytes: middle).square(224).bytes
        #expect(isSquare)
    }

    @Test("the tallest frame is what the reference makes of it, to both its ends")
    func tallest() throws {
        let height = 16_384
        // Both columns alike: the reference takes one, and seconds in place of minutes.
        let column = noise(1, height, seed: 7)
        var bytes: [UInt8] = []
        for row in 0..<height { for _ in 0..<2 { bytes += column[3 * row..<3 * row + 3] } }
        let frame = try Frame(width: 2, height: height, bytes: bytes)
        let reference = Reference(width: 2, height: height, bytes: bytes)
        for crop in [1, 9] {
            let isSame =
                try image(Recipe(.vadclip, crop: crop, resolution: 224), of: frame)
                == reference.crop(.vadclip, crop).bytes
            #expect(isSame, "vadclip \(crop)")
        }
        let rows = Reference(width: 1, height: height, bytes: column).bicubic(1, 256).bytes
        for (crop, top) in [(0, 0), (8, 32)] {
            var expected: [UInt8] = []
            for row in top..<top + 224 { for _ in 0..<224 { expected += rows[3 * row..<3 * row + 3] } }
            let isSame = try image(Recipe(.clip, crop: crop, resolution: 224), of: frame) == expected
            #expect(isSame, "clip \(crop)")
        }
        // Each row becomes 112.
        let middle = Array(bytes[8_184 * 6..<8_200 * 6])
        let isSquare =
            try image(Recipe(.clip, crop: nil, resolution: 224), of: frame)
            == Reference(width: 2, height: 16, bytes: middle).square(224).bytes
        #expect(isSquare)
    }

    @Test("no frame is longer or wider than that, and none is empty")
    func beyond() {
        #expect(throws: FrameError.self) { try Frame(width: 16_385, height: 1) }
        #expect(throws: FrameError.self) { try Frame(width: 1, height: 0) }
    }

    @Test("frames of several sizes, one after the other, are each what they are alone")
    func changingSizes() throws {
        let recipe = try #require(Recipe(.vadclip, crop: 0, resolution: 224))
        var preprocessor = Preprocessor([recipe])
        for (width, height) in [(40, 30), (30, 40), (40, 30)] {
            let frame = try Frame(width: width, height: height, bytes: noise(width, height, seed: 4))
            #expect(try preprocessor.images(of: frame)[0] == image(recipe, of: frame))
        }
    }

    @Test("recipes that do other things say so, and those that are not there are none")
    func texts() throws {
        let all = [32, 224].flatMap { Recipe.all(resolution: $0) }
        // The mirrored centre is the same whether the frame or the crop is mirrored, but not by the same resize.
        #expect(all.count == 42 && Set(all.map(\.text)).count == 42)
        #expect(Recipe(.vadclip, crop: nil, resolution: 224) == nil)
        #expect(Recipe(.clip, crop: 10, resolution: 224) == nil && Recipe(.clip, crop: nil, resolution: 0) == nil)
        let text = try #require(Recipe(.vadclip, crop: 5, resolution: 224)).text
        #expect(text == "resize 340x256 opencv-bilinear\ncrop 224x224+58+16\nmirror\n")
    }

    @Test("a frame that another holds too is not changed with it")
    func values() throws {
        let first = try Frame(width: 1, height: 1, bytes: [1, 2, 3])
        var second = first
        try second.withUnsafeMutableBytes { $0[0] = 9 }
        #expect(first.withUnsafeBytes { Array($0) } == [1, 2, 3])
        #expect(second.withUnsafeBytes { Array($0) } == [9, 2, 3])
    }
}
