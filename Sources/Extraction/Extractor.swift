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

    private let settings: ExtractionSettings
    private let encoder: Encoder
    private let threads: Int

    /// - Parameter threads: those that encode; frames are read and made squares by the caller's
    public init(_ settings: ExtractionSettings, encoder: Encoder, threads: Int) {
        self.settings = settings
        self.encoder = encoder
        self.threads = threads
    }

    /// Reads all frames of a source and makes features of them.
    ///
    /// - Parameter progress: told again and again, by the thread that calls
    public func extract(
        _ source: some FrameSource, progress: @escaping (ExtractionProgress) -> Void = { _ in }
    ) throws(FrameError) -> Extraction {
        var source = source
        let count = source.count
        var preprocessor = Preprocessor(settings.recipes)
        let pool = RowPool(settings, width: encoder.outputWidth)
        var queue = EncodingQueue<Encoder, RowPool.Place>(encoder, threads: threads) { place, feature in
            pool.add(feature, at: place)
            if place.isLast { progress(ExtractionProgress(frames: place.frames, count: count)) }
        }
        var extraction = Extraction()
        var frame: Frame?
        // Squares of the row that is not whole yet: a row that ends early may not be one.
        var row: [[[UInt8]]] = []
        while try source.next(into: &frame) {
            guard let frame else { break }
            note(frame, in: &extraction)
            let place = extraction.frames % settings.framesPerRow
            extraction.frames += 1
            switch settings.use(of: place) {
            case .none: break
            case .alone: row = [preprocessor.images(of: frame)]
            case .beside: row.append(preprocessor.images(of: frame))
            }
            guard place == settings.framesPerRow - 1 else { continue }
            try add(&row, after: extraction, to: &queue, pool)
        }
        extraction.tailFrames = extraction.frames % settings.framesPerRow
        if settings.tail == .keep, !row.isEmpty { try add(&row, after: extraction, to: &queue, pool) }
        queue.finish()
        extraction.features = pool.matrices
        return extraction
    }

    private func note(_ frame: Frame, in extraction: inout Extraction) {
        guard let size = FrameSize(width: frame.width, height: frame.height), extraction.sizes.last != size,
            extraction.sizes.count < 8, !extraction.sizes.contains(size)
        else { return }
        extraction.sizes.append(size)
    }

    /// Gives the squares of a whole row to those who encode them.
    private func add(
        _ row: inout [[[UInt8]]], after extraction: Extraction, to queue: inout EncodingQueue<Encoder, RowPool.Place>,
        _ pool: RowPool
    ) throws(FrameError) {
        let numbers = (pool.begun + 1) * encoder.outputWidth * settings.recipes.count
        guard numbers <= Self.mostNumbers else {
            throw FrameError(
                .tooLarge, "its features are more than \(Self.mostNumbers) numbers after \(extraction.frames) frames")
        }
        pool.begun += 1
        for (index, images) in row.enumerated() {
            for (recipe, image) in images.enumerated() {
                let place = RowPool.Place(
                    recipe: recipe, count: row.count, isRowsLast: index == row.count - 1,
                    isLast: index == row.count - 1 && recipe == images.count - 1, frames: extraction.frames)
                queue.add(image, place)
            }
        }
        row = []
    }
}

/// Features of frames as they come, made rows.
private final class RowPool {
    /// What a frame's feature is for.
    struct Place {
        let recipe: Int
        /// Frames of the row.
        let count: Int
        /// Whether it is the last frame of the row.
        let isRowsLast: Bool
        /// Whether it is the last feature of the row, of all recipes.
        let isLast: Bool
        /// Frames of the video that are done with this row.
        let frames: Int
    }

    /// Rows that were begun.
    var begun = 0
    private let width: Int
    private var sums: [[Double]]
    private var rows: [[Float]]

    init(_ settings: ExtractionSettings, width: Int) {
        self.width = width
        sums = settings.recipes.map { _ in [Double](repeating: 0, count: width) }
        rows = settings.recipes.map { _ in [] }
    }

    func add(_ feature: ArraySlice<Float>, at place: Place) {
        if place.count == 1 { return rows[place.recipe].append(contentsOf: feature) }
        for (column, value) in feature.enumerated() { sums[place.recipe][column] += Double(value) }
        guard place.isRowsLast else { return }
        let count = Double(place.count)
        rows[place.recipe].append(contentsOf: sums[place.recipe].lazy.map { Float($0 / count) })
        for column in 0..<width { sums[place.recipe][column] = 0 }
    }

    var matrices: [Matrix] { rows.map { Matrix(rows: $0.count / max(width, 1), columns: width, values: $0) } }
}
