import Frames
import Platform
import Tensors

/// Which ways of making features come nearest to features that are there, of the same video.
public struct RecipeComparison: Sendable {
    /// One way, and how near it comes on the rows that were looked at.
    public struct Candidate: Sendable {
        /// How a frame becomes a square.
        public let recipe: Recipe
        /// What a row is made of.
        public let pooling: Pooling
        /// Frames from a row's usual first one to the one that it begins with.
        public let offset: Int
        /// Rows that were looked at.
        public let rows: Int
        /// The mean cosine of two rows.
        public let cosine: Double
        /// The lowest.
        public let lowest: Double
        /// The largest difference of two numbers.
        public let difference: Float
        /// How long the rows are, as a share of the length of those that are there.
        public let length: Double
    }

    /// Frames of the video.
    public let frames: Int
    /// Rows of the features that are there.
    public let rows: Int
    /// The ways, the nearest first.
    public let candidates: [Candidate]
}

/// Tries recipes, crops, pools and offsets on some rows of a video: first each recipe on two of them, then the nearest ones
/// with all the frames around.
public struct RecipeComparer<Encoder: FrameEncoder>: Sendable {
    /// Rows that are looked at.
    private static var sampled: Int { 6 }
    /// Those of them on which all recipes are tried.
    private static var looked: Int { 2 }
    /// Recipes that are looked at closely.
    private static var kept: Int { 3 }

    private let released: Matrix
    private let framesPerRow: Int
    private let encoder: Encoder
    private let threads: Int

    /// - Parameters:
    ///   - released: the features that are there, as wide as the encoder's
    ///   - framesPerRow: frames that a row stands for
    ///   - encoder: the tower's
    ///   - threads: those that compute
    public init(released: Matrix, framesPerRow: Int, encoder: Encoder, threads: Int) {
        precondition(released.columns == encoder.outputWidth && released.rows > 0, "rows of the encoder's width")
        self.released = released
        self.framesPerRow = framesPerRow
        self.encoder = encoder
        self.threads = threads
    }

    /// Compares; throws where the video can't be read, or has none of the rows.
    ///
    /// - Parameters:
    ///   - open: the video from its beginning; called twice
    ///   - progress: squares that are encoded, and how many there are
    public func compare(
        opening open: () throws(FrameError) -> any FrameSource, progress: @escaping (Int, Int) -> Void = { _, _ in }
    ) throws(FrameError) -> RecipeComparison {
        let all = Recipe.all(resolution: encoder.resolution)
        let samples = sampleRows
        let half = framesPerRow / 2
        let wide = framesPerRow + 2 * half
        let begin = samples.prefix(Self.looked)
        let work = begin.count * framesPerRow * all.count + samples.count * Self.kept * wide
        let looked = begin.flatMap { $0 * framesPerRow..<($0 + 1) * framesPerRow }
        let first = try features(of: Set(looked), all, in: open()) { progress($0, work) }
        let seen = samples.filter { $0 * framesPerRow + half < first.frames }
        guard !seen.isEmpty else {
            throw FrameError(
                .unsupported,
                "it has \(first.frames) frames, and none of the rows that were looked at: \(released.rows) rows of "
                    + "\(framesPerRow) are \(released.rows * framesPerRow) frames")
        }
        let near = all.enumerated().compactMap { index, recipe in
            Pooling.allCases.compactMap { candidate(recipe, $0, 0, Array(begin), first.features[index]) }
                .min(by: Self.isNearer)
        }.sorted(by: Self.isNearer).prefix(Self.kept).map(\.recipe)
        let frames = seen.flatMap { row in
            row * framesPerRow - half..<(row + 1) * framesPerRow + half
        }
        let begun = first.encoded
        let second = try features(of: Set(frames), near, in: open()) { progress(begun + $0, work) }
        let candidates = near.enumerated().flatMap { index, recipe in
            Pooling.allCases.flatMap { pooling in
                (-half...half).compactMap { candidate(recipe, pooling, $0, seen, second.features[index]) }
            }
        }
        guard !candidates.isEmpty, second.frames == first.frames else {
            throw FrameError(
                .unreadable,
                "it was read twice, and had \(first.frames) frames at first and \(second.frames) then: expected a file that "
                    + "stays as it is")
        }
        return RecipeComparison(
            frames: first.frames, rows: released.rows, candidates: Self.distinct(Self.ranked(candidates)))
    }

    /// Rows spread over the features, not the first and last ones where there are enough.
    private var sampleRows: [Int] {
        guard released.rows > Self.sampled + 2 else { return Array(0..<released.rows) }
        return (0..<Self.sampled).map { 1 + (released.rows - 2) * (2 * $0 + 1) / (2 * Self.sampled) }
    }

    /// Features of some frames by each recipe, by their number.
    private func features(
        of wanted: Set<Int>, _ recipes: [Recipe], in source: some FrameSource, progress: @escaping (Int) -> Void
    ) throws(FrameError) -> (features: [[Int: [Float]]], frames: Int, encoded: Int) {
        let found = Found(recipes: recipes.count)
        var queue = EncodingQueue<Encoder, (recipe: Int, frame: Int)>(encoder, threads: threads) { tag, feature in
            found.features[tag.recipe][tag.frame] = Array(feature)
            found.encoded += 1
            progress(found.encoded)
        }
        var source = source
        var preprocessor = Preprocessor(recipes)
        var frame: Frame?
        var index = 0
        while try source.next(into: &frame) {
            if let frame, wanted.contains(index) {
                for (recipe, image) in preprocessor.images(of: frame).enumerated() {
                    queue.add(image, (recipe, index))
                }
            }
            index += 1
        }
        queue.finish()
        return (found.features, index, found.encoded)
    }

    private final class Found {
        var features: [[Int: [Float]]]
        var encoded = 0

        init(recipes: Int) { features = .init(repeating: [:], count: recipes) }
    }

    /// How near a way comes, on the rows of which all frames are there; nil where none is.
    private func candidate(
        _ recipe: Recipe, _ pooling: Pooling, _ offset: Int, _ rows: [Int], _ features: [Int: [Float]]
    ) -> RecipeComparison.Candidate? {
        var cosines: [Double] = []
        var difference: Float = 0
        var length = 0.0
        for row in rows {
            let first = row * framesPerRow + offset
            let frames: Range<Int>
            switch pooling {
            case .mean: frames = first..<first + framesPerRow
            case .first: frames = first..<first + 1
            case .middle: frames = first + framesPerRow / 2..<first + framesPerRow / 2 + 1
            }
            let found = frames.compactMap { features[$0] }
            guard found.count == frames.count else { continue }
            let near = Nearness(Self.mean(found), released[row: row])
            cosines.append(near.cosine)
            difference = max(difference, near.difference)
            length += near.length
        }
        guard !cosines.isEmpty else { return nil }
        let count = Double(cosines.count)
        return RecipeComparison.Candidate(
            recipe: recipe, pooling: pooling, offset: offset, rows: cosines.count,
            cosine: cosines.reduce(0, +) / count, lowest: cosines.min() ?? 0, difference: difference,
            length: length / count)
    }

    private static func mean(_ features: [[Float]]) -> [Float] {
        guard features.count > 1, let width = features.first?.count else { return features.first ?? [] }
        return (0..<width).map { column in
            Float(features.reduce(0.0) { $0 + Double($1[column]) } / Double(features.count))
        }
    }

    /// The nearest first; those that were compared on less than half of the rows come last, since few rows may be near by chance.
    private static func ranked(_ candidates: [RecipeComparison.Candidate]) -> [RecipeComparison.Candidate] {
        let most = candidates.map(\.rows).max() ?? 0
        let sorted = candidates.sorted(by: isNearer)
        return sorted.filter { 2 * $0.rows >= most } + sorted.filter { 2 * $0.rows < most }
    }

    private static func isNearer(_ left: RecipeComparison.Candidate, _ right: RecipeComparison.Candidate) -> Bool {
        if left.cosine != right.cosine { return left.cosine > right.cosine }
        if left.difference != right.difference { return left.difference < right.difference }
        return abs(left.offset) < abs(right.offset)
    }

    /// Without those that are another one by another name: of a single frame it is the same how it was found.
    private static func distinct(_ candidates: [RecipeComparison.Candidate]) -> [RecipeComparison.Candidate] {
        var last: RecipeComparison.Candidate?
        return candidates.filter { candidate in
            defer { last = candidate }
            guard let last else { return true }
            return last.recipe != candidate.recipe || last.cosine != candidate.cosine
                || last.difference != candidate.difference
        }
    }
}

/// How near two rows are.
private struct Nearness {
    let cosine: Double
    let difference: Float
    let length: Double

    init(_ made: [Float], _ there: ArraySlice<Float>) {
        var (product, own, other, most) = (0.0, 0.0, 0.0, Float.zero)
        for (a, b) in zip(made, there) {
            product += Double(a) * Double(b)
            own += Double(a) * Double(a)
            other += Double(b) * Double(b)
            most = max(most, abs(a - b))
        }
        let lengths = own.squareRoot() * other.squareRoot()
        cosine = lengths > 0 ? product / lengths : 0
        length = other > 0 ? (own / other).squareRoot() : 0
        difference = most
    }
}
