import Extraction
import Frames
import Tensors
import TestSupport
import Testing

@Suite("The nearest recipe is found by comparing")
struct ComparisonTests {
    /// Noise that moves on from frame to frame, so that each frame and crop has features of its own.
    private struct Noise: FrameSource {
        let kind = "noise"
        let count: Int?
        var index = 0

        mutating func next(into frame: inout Frame?) throws(FrameError) -> Bool {
            guard index < count ?? 0 else { return false }
            var random = SeededRandom(seed: UInt64(index))
            let bytes = (0..<40 * 30 * 3).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            frame = try Frame(width: 40, height: 30, bytes: bytes)
            index += 1
            return true
        }
    }

    /// Bytes of the square's first rows as numbers.
    private struct ByteEncoder: FrameEncoder {
        let resolution = 32
        let outputWidth = 200

        func scratch(images: Int) -> Int { images }

        func encode(_ images: [[UInt8]], with scratch: Int) -> Matrix {
            Matrix(rows: images.count, columns: 200, values: images.flatMap { $0[700..<900].map { Float($0) - 128 } })
        }
    }

    @Test(
        "recipe, crop, pool and offset of features are found, exactly",
        arguments: [
            (Recipe.Kind.vadclip, 5, Pooling.mean, 0), (.clip, 3, .first, 0), (.vadclip, 0, .middle, 0),
            (.clip, nil, .mean, 3),
        ] as [(Recipe.Kind, Int?, Pooling, Int)])
    func found(kind: Recipe.Kind, crop: Int?, pooling: Pooling, offset: Int) throws {
        let encoder = ByteEncoder()
        let recipe = try #require(Recipe(kind, crop: crop, resolution: 32))
        let all = Noise(count: 200, index: offset)
        let settings = ExtractionSettings(recipes: [recipe], pooling: pooling)
        let released = try Extractor(settings, encoder: encoder, threads: 2).extract(all).features[0]
        let comparer = RecipeComparer(released: released, framesPerRow: 16, encoder: encoder, threads: 2)
        let comparison = try comparer.compare(opening: { () throws(FrameError) in Noise(count: 200) })
        let best = try #require(comparison.candidates.first)
        #expect(best.recipe == recipe && best.pooling == pooling && best.offset == offset, "\(best)")
        #expect(best.cosine > 0.999_999 && best.difference < 1e-3 && abs(best.length - 1) < 1e-6)
        #expect(comparison.frames == 200 && comparison.rows == released.rows)
        #expect(comparison.candidates.dropFirst().allSatisfy { $0.cosine < best.cosine })
    }

    @Test("a video that is another one when it is read again is refused")
    func changed() throws {
        let comparer = RecipeComparer(
            released: Matrix(rows: 4, columns: 200), framesPerRow: 16, encoder: ByteEncoder(), threads: 1)
        var counts = [80, 70]
        let error = failure(of: FrameError.self) {
            _ = try comparer.compare(opening: { () throws(FrameError) in Noise(count: counts.removeFirst()) })
        }
        #expect(error?.reason.contains("80 frames at first and 70 then") == true)
    }

    @Test("features of a longer video have no rows to compare")
    func tooShort() throws {
        let released = Matrix(rows: 100, columns: 200)
        let comparer = RecipeComparer(released: released, framesPerRow: 16, encoder: ByteEncoder(), threads: 1)
        let error = failure(of: FrameError.self) {
            _ = try comparer.compare(opening: { () throws(FrameError) in Noise(count: 20) })
        }
        #expect(error?.reason.contains("20 frames") == true && error?.reason.contains("1600") == true)
    }
}
