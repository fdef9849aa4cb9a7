import Extraction
import Frames
import Platform
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite("Frames become rows of features")
struct ExtractorTests {
    private func extracted(
        _ frames: Int, _ pooling: Pooling, tail: Tail = .drop, perRow: Int = 16, threads: Int = 2
    ) throws -> Extraction {
        let recipe = try #require(Recipe(.clip, crop: nil, resolution: 32))
        let settings = ExtractionSettings(recipes: [recipe], pooling: pooling, framesPerRow: perRow, tail: tail)
        return try Extractor(settings, encoder: FakeEncoder(), threads: threads).extract(CountedFrames(frames))
    }

    private func firsts(_ extraction: Extraction) -> [Float] {
        (0..<extraction.features[0].rows).map { extraction.features[0][$0, 0] }
    }

    @Test(
        "so many frames make so many rows: the tail makes one more where it is kept",
        arguments: [(0, 0, 0), (1, 0, 1), (15, 0, 1), (16, 1, 1), (17, 1, 2), (32, 2, 2), (53, 3, 4)])
    func rows(frames: Int, dropped: Int, kept: Int) throws {
        for pooling in Pooling.allCases {
            let without = try extracted(frames, pooling)
            #expect(without.features[0].rows == dropped && without.frames == frames)
            #expect(without.tailFrames == frames % 16)
            #expect(try extracted(frames, pooling, tail: .keep).features[0].rows == kept)
        }
    }

    @Test("a row is the mean of its frames, its first, or its middle one")
    func pools() throws {
        #expect(try firsts(extracted(48, .mean)) == [7.5, 23.5, 39.5])
        #expect(try firsts(extracted(48, .first)) == [0, 16, 32])
        #expect(try firsts(extracted(48, .middle)) == [8, 24, 40])
        #expect(try firsts(extracted(9, .middle, perRow: 3)) == [1, 4, 7])
        #expect(try firsts(extracted(3, .mean, perRow: 1)) == [0, 1, 2])
    }

    @Test("a tail that is kept is the mean of its frames, its first, or the last one where the middle does not come")
    func tails() throws {
        #expect(try firsts(extracted(19, .mean, tail: .keep)) == [7.5, 17])
        #expect(try firsts(extracted(19, .first, tail: .keep)) == [0, 16])
        #expect(try firsts(extracted(19, .middle, tail: .keep)) == [8, 18])
        #expect(try firsts(extracted(26, .middle, tail: .keep)) == [8, 24])
    }

    @Test("any number of threads gives the same bits in the same order", arguments: [1, 2, 7])
    func threads(count: Int) throws {
        let one = try extracted(500, .mean, tail: .keep, threads: 1)
        let several = try extracted(500, .mean, tail: .keep, threads: count)
        #expect(one.features == several.features)
    }

    @Test("an extraction goes on from any row, by frames and by time, to the same bits", arguments: Pooling.allCases)
    func goesOn(pooling: Pooling) throws {
        let recipe = try #require(Recipe(.clip, crop: nil, resolution: 32))
        for tail in Tail.allCases {
            let settings = ExtractionSettings(recipes: [recipe], pooling: pooling, tail: tail)
            let extractor = Extractor(settings, encoder: FakeEncoder(), threads: 1)
            let whole = try extractor.extract(CountedFrames(85))
            for done in 0...whole.features[0].rows {
                let known = Matrix(rows: done, columns: 3, values: Array(whole.features[0].values.prefix(3 * done)))
                let made = Mutex<[Float]>(known.values)
                let rest = try extractor.extract(CountedFrames(85), from: known, limit: 1_000) { _ in
                } made: { row in
                    made.withLock { $0 += row }
                }
                #expect(rest.features == whole.features && rest.frames == whole.frames)
                let told = Array(whole.features[0].values.prefix(3 * max(done, 5)))
                #expect(made.withLock { $0 } == told, "\(done) rows are known; that of the tail is not told of")
            }
        }
        let extractor = Extractor(ExtractionSettings(recipes: [recipe]), encoder: FakeEncoder(), threads: 1)
        #expect(throws: FrameError.self) {
            _ = try extractor.extract(
                CountedFrames(64), from: Matrix(rows: 0, columns: 3), limit: 8, frames: { _ in }, made: { _ in })
        }
    }

    @Test("several crops at once are what each is alone")
    func crops() throws {
        let recipes = Recipe.crops.compactMap { Recipe(.vadclip, crop: $0, resolution: 32) }
        func features(_ recipes: [Recipe]) throws -> [Matrix] {
            let settings = ExtractionSettings(recipes: recipes)
            return try Extractor(settings, encoder: FakeEncoder(), threads: 2)
                .extract(CountedFrames(40, slope: 90)).features
        }
        let together = try features(recipes)
        for (index, recipe) in recipes.enumerated() { #expect(try features([recipe]) == [together[index]]) }
        // The crop of the left is darker at its left than the mirrored one.
        #expect(together[1][0, 1] < together[6][0, 1])
    }

    @Test("progress tells frames that are done with, up to all of them")
    func progress() throws {
        let recipe = try #require(Recipe(.clip, crop: nil, resolution: 32))
        let extractor = Extractor(
            ExtractionSettings(recipes: [recipe], tail: .keep), encoder: FakeEncoder(), threads: 2)
        let told = Told()
        _ = try extractor.extract(CountedFrames(35, isKnown: true)) { told.all.append($0.frames) }
        #expect(told.all == [16, 32, 35])
    }

    @Test("what can't be read ends the extraction with what was wrong")
    func faults() throws {
        let recipe = try #require(Recipe(.clip, crop: nil, resolution: 32))
        let extractor = Extractor(ExtractionSettings(recipes: [recipe]), encoder: FakeEncoder(), threads: 2)
        let bytes = Array("P6 1 1 255 abc".utf8)
        let source = PortableMaps(ByteSource((0..<40).flatMap { _ in bytes } + [80], path: "x"))
        let error = failure(of: FrameError.self) { _ = try extractor.extract(source) }
        #expect(error?.reason.contains("frame 40") == true)
    }

    @Test("more features than are taken are refused before anything is computed, where the frames are counted")
    func tooMany() throws {
        let recipe = try #require(Recipe(.clip, crop: nil, resolution: 32))
        let extractor = Extractor(ExtractionSettings(recipes: [recipe]), encoder: FakeEncoder(), threads: 1)
        let error = failure(of: FrameError.self) {
            _ = try extractor.extract(CountedFrames(2_000_000_000, isKnown: true)) { _ in Issue.record("it began") }
        }
        #expect(error?.kind == .tooLarge && error?.reason.contains("125000000 rows") == true)
    }

    @Test("sizes of frames are noted once each")
    func sizes() throws {
        let recipe = try #require(Recipe(.clip, crop: nil, resolution: 32))
        let text = "P6 1 1 255 abcP6 1 2 255 abcdefP6 1 1 255 abc"
        let source = PortableMaps(ByteSource(Array(text.utf8), path: "x"))
        let settings = ExtractionSettings(recipes: [recipe], framesPerRow: 1)
        let extraction = try Extractor(settings, encoder: FakeEncoder(), threads: 1).extract(source)
        #expect(extraction.sizes.map(\.description) == ["1x1", "1x2"])
    }

    private final class Told {
        var all: [Int] = []
    }
}

@Suite("Recipes have names that others can check")
struct RecipeTextTests {
    @Test("the digest is that of the text, and each setting is in it")
    func digests() throws {
        let recipe = try #require(Recipe(.vadclip, crop: 5, resolution: 224))
        let settings = ExtractionSettings(recipes: [recipe])
        #expect(
            settings.text(of: recipe)
                == "vigil recipe 1\nresize 340x256 opencv-bilinear\ncrop 224x224+58+16\nmirror\npool mean of 16\ntail drop\n"
        )
        #expect(settings.digest(of: recipe) == "154672386afa68bdfa1e9293e4a1dc9d7fa3f2a3a7e87e0dd3d2191d11059ad1")
        let others = [
            ExtractionSettings(recipes: [recipe], pooling: .first),
            ExtractionSettings(recipes: [recipe], framesPerRow: 8),
            ExtractionSettings(recipes: [recipe], tail: .keep),
            ExtractionSettings(recipes: [recipe], compute: .bfloat16),
            ExtractionSettings(recipes: [recipe], compute: .int8),
        ]
        #expect(Set(others.map { $0.digest(of: recipe) } + [settings.digest(of: recipe)]).count == 6)
        #expect(others.last?.text(of: recipe) == settings.text(of: recipe) + "compute int8\n")
    }
}
