import Frames
import Platform
import Tensors

/// What came of a video.
public struct Extraction: Sendable {
    /// Frames that it has.
    public internal(set) var frames = 0
    /// Frames behind the last whole row.
    public internal(set) var tailFrames = 0
    /// Sizes of its frames, in the order in which they came; more than one is unusual.
    public internal(set) var sizes: [FrameSize] = []
    /// The features by recipe, a row for so many frames.
    public internal(set) var features: [Matrix] = []
    /// When each row begins, in seconds, and when the last one ends; empty where the source knows no times.
    public internal(set) var times: [Double] = []

    /// Frames a second at which rows of 16 take as long as these do together; nil where no times are known.
    public var rate: Double? {
        guard let first = times.first, let last = times.last, times.count > 1, last > first else { return nil }
        return 16 * Double(times.count - 1) / (last - first)
    }
}

/// How far an extraction is.
public struct ExtractionProgress: Sendable {
    /// Frames that are done with.
    public let frames: Int
    /// How many there are, where that is known.
    public let count: Int?
}

/// Makes rows of features of a video's frames, of which only those of a few rows are held.
public struct Extractor<Encoder: FrameEncoder>: Sendable {
    /// Numbers that the features of one video may have together, as `vigil score` takes them: 77 hours of video.
    public static var mostNumbers: Int { 256 << 20 }

    let settings: ExtractionSettings
    let encoder: Encoder
    let threads: Int
    /// Numbers that the features may have together.
    var limit = Self.mostNumbers
    /// Rows that were made before, of the same frames by the same recipe and tower: theirs are read, and not encoded again.
    var known: Matrix?
    /// Told of each row that no further frame could change, in order, by the thread that calls.
    var made: @Sendable ([Float]) -> Void = { _ in }

    /// - Parameters:
    ///   - settings: the recipe, and how rows are made of frames
    ///   - encoder: the tower's
    ///   - threads: those that encode; frames are read and made squares by the caller's
    public init(_ settings: ExtractionSettings, encoder: Encoder, threads: Int) {
        self.settings = settings
        self.encoder = encoder
        self.threads = threads
    }

    /// Goes on from rows that were made before, of one recipe, and tells of each further one that is sure to be whole: none that is
    /// made because no more frames came, for a source may end before its video does.
    ///
    /// - Parameters:
    ///   - source: the frames, in order
    ///   - known: the first rows, as they were told of
    ///   - limit: numbers that the features may have together
    ///   - frames: told of frames that are done with, as ``extract(_:progress:)`` does
    ///   - made: told of each further row of that kind, in order, by the thread that calls
    /// - Returns: what came, with all rows, also those that are made at the end
    public func extract(
        _ source: some FrameSource, from known: Matrix, limit: Int, frames: @escaping (ExtractionProgress) -> Void,
        made: @escaping @Sendable ([Float]) -> Void
    ) throws(FrameError) -> Extraction {
        precondition(settings.recipes.count == 1, "rows are told of one recipe")
        var own = self
        (own.known, own.limit, own.made) = (known, min(limit, Self.mostNumbers), made)
        return try own.extract(source, progress: frames)
    }

    /// Reads all frames of a source and makes features of them.
    ///
    /// - Parameters:
    ///   - source: the frames, in order
    ///   - progress: told again and again, by the thread that calls
    public func extract(
        _ source: some FrameSource, progress: @escaping (ExtractionProgress) -> Void = { _ in }
    ) throws(FrameError) -> Extraction {
        guard settings.cadence == .frames else { return try extractByTime(source, progress: progress) }
        var source = source
        var clock = RowClock()
        let count = source.count
        let perRow = settings.framesPerRow
        if let count { try check(rows: settings.rows(of: count), frames: count) }
        // Where it is known which frames are in no row they are not encoded.
        let end = settings.tail == .drop ? count.map { $0 / perRow * perRow } ?? .max : .max
        var preprocessor = Preprocessor(settings.recipes)
        var rows = RowQueue(self, count: count, progress: progress)
        var extraction = Extraction()
        var frame: Frame?
        // Squares of the one frame that counts of its row: the row may not become whole.
        var single: [[UInt8]] = []
        func give(_ images: [[UInt8]], isRowsLast: Bool) {
            rows.give(images, isRowsLast: isRowsLast, frames: extraction.frames)
        }
        while true {
            let place = extraction.frames % perRow
            let isUsed = extraction.frames < end && settings.use(of: place) != .none
            guard try isUsed ? source.next(into: &frame) : source.skip(in: &frame) else { break }
            if let frame { note(frame, in: &extraction) }
            if place == 0 { try check(rows: extraction.frames / perRow + 1, frames: extraction.frames) }
            clock.note(source.seconds, isRowsFirst: place == 0)
            extraction.frames += 1
            guard extraction.frames <= end else { continue }
            switch settings.use(of: place) {
            case .none: break
            case .alone: single = frame.map { preprocessor.images(of: $0) } ?? single
            case .beside: frame.map { give(preprocessor.images(of: $0), isRowsLast: place == perRow - 1) }
            }
            guard place == perRow - 1, settings.pooling != .mean else { continue }
            give(single, isRowsLast: true)
            single = []
        }
        extraction.tailFrames = extraction.frames % perRow
        rows.isOver = true
        if settings.tail == .keep { give(single, isRowsLast: true) }
        extraction.features = rows.finish(keepingTailOf: settings.tail == .keep ? extraction.frames : nil)
        extraction.times = clock.times(rows: extraction.features.first?.rows ?? 0)
        return extraction
    }

    /// Throws where so many rows are more than are taken.
    func check(rows: Int, frames: Int) throws(FrameError) {
        let (numbers, isOver) = rows.multipliedReportingOverflow(by: encoder.outputWidth * settings.recipes.count)
        guard isOver || numbers > limit else { return }
        throw FrameError(
            .tooLarge,
            "\(rows) rows of \(counted(settings.recipes.count, "crop")) are more than the \(limit) numbers that a "
                + "video's features may be")
    }

    func note(_ frame: Frame, in extraction: inout Extraction) {
        guard let size = FrameSize(width: frame.width, height: frame.height), extraction.sizes.last != size,
            extraction.sizes.count < 8, !extraction.sizes.contains(size)
        else { return }
        extraction.sizes.append(size)
    }
}

/// Squares of frames as they come, on their way to rows of features.
struct RowQueue<Encoder: FrameEncoder> {
    private let pool: RowPool
    private let count: Int?
    private let progress: (ExtractionProgress) -> Void
    private var queue: EncodingQueue<Encoder, RowPool.Place>
    /// Rows that are known and have not come yet.
    private var passing: Int
    /// Whether no more frames come, so that rows are what they are for want of these.
    var isOver = false

    /// - Parameters:
    ///   - count: the frames of the video, where that is known
    ///   - progress: told of each row that is done
    init(_ extractor: Extractor<Encoder>, count: Int?, progress: @escaping (ExtractionProgress) -> Void) {
        let pool = RowPool(
            extractor.settings, width: extractor.encoder.outputWidth, known: extractor.known, made: extractor.made)
        passing = extractor.known?.rows ?? 0
        (self.pool, self.count, self.progress) = (pool, count, progress)
        queue = EncodingQueue(extractor.encoder, threads: extractor.threads) { place, feature in
            pool.add(feature, at: place)
            if place.isLast { progress(ExtractionProgress(frames: place.frames, count: count)) }
        }
    }

    /// Takes a frame's squares, one a recipe.
    ///
    /// - Parameters:
    ///   - isRowsLast: whether they are the last ones of their row
    ///   - frames: how many of the video have come
    ///   - times: how many rows they make, where they are all of a row
    mutating func give(_ images: [[UInt8]], isRowsLast: Bool, frames: Int, times: Int = 1) {
        var times = times
        if passing > 0 {
            guard isRowsLast else { return }
            let passed = min(passing, times)
            passing -= passed
            times -= passed
            guard times > 0 else { return progress(ExtractionProgress(frames: frames, count: count)) }
        }
        for (recipe, image) in images.enumerated() {
            let isLast = isRowsLast && recipe == images.count - 1
            queue.add(
                image,
                RowPool.Place(
                    recipe: recipe, isRowsLast: isRowsLast, isLast: isLast, isSure: !isOver, times: times,
                    frames: frames))
        }
    }

    /// Waits for all features, and gives the rows of each recipe.
    ///
    /// - Parameter frames: how many the video had, where what is no whole row is to be one too
    mutating func finish(keepingTailOf frames: Int? = nil) -> [Matrix] {
        queue.finish()
        if let frames, pool.endRow() { progress(ExtractionProgress(frames: frames, count: count)) }
        return pool.matrices
    }
}

/// Features of frames as they come, made rows.
final class RowPool {
    /// What a frame's feature is for.
    struct Place {
        let recipe: Int
        /// Whether it is the last frame of the row.
        let isRowsLast: Bool
        /// Whether it is the last feature of the row, of all recipes.
        let isLast: Bool
        /// Whether no further frame could change the row.
        let isSure: Bool
        /// How many rows it makes, all the same.
        let times: Int
        /// Frames of the video that are done with this row.
        let frames: Int
    }

    private let width: Int
    private var sums: [[Double]]
    /// Features in each of the sums.
    private var counts: [Int]
    private var rows: [[Float]]
    private let made: ([Float]) -> Void

    init(_ settings: ExtractionSettings, width: Int, known: Matrix? = nil, made: @escaping ([Float]) -> Void = { _ in })
    {
        self.width = width
        self.made = made
        sums = settings.recipes.map { _ in [Double](repeating: 0, count: width) }
        counts = settings.recipes.map { _ in 0 }
        rows = settings.recipes.map { _ in known?.values ?? [] }
    }

    func add(_ feature: ArraySlice<Float>, at place: Place) {
        for (column, value) in feature.enumerated() { sums[place.recipe][column] += Double(value) }
        counts[place.recipe] += 1
        if place.isRowsLast { endRow(of: place.recipe, times: place.times, isSure: place.isSure) }
    }

    /// Makes rows of what has come for one that is not whole; false where nothing has.
    func endRow() -> Bool {
        let isBegun = counts.contains { $0 > 0 }
        for recipe in counts.indices where counts[recipe] > 0 { endRow(of: recipe, times: 1, isSure: false) }
        return isBegun
    }

    private func endRow(of recipe: Int, times: Int, isSure: Bool) {
        let count = Double(counts[recipe])
        let row = sums[recipe].map { Float($0 / count) }
        for _ in 0..<times {
            rows[recipe].append(contentsOf: row)
            if isSure { made(row) }
        }
        for column in 0..<width { sums[recipe][column] = 0 }
        counts[recipe] = 0
    }

    var matrices: [Matrix] { rows.map { Matrix(rows: $0.count / max(width, 1), columns: width, values: $0) } }
}
