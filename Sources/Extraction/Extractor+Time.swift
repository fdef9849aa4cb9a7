import Frames
import Platform

/// When rows of so many frames begin, as their frames come.
struct RowClock {
    private var starts: [Double] = []
    private var last: Double?
    private var step: Double?

    /// Takes the time of the next frame.
    mutating func note(_ seconds: Double?, isRowsFirst: Bool) {
        guard let seconds else { return }
        if isRowsFirst { starts.append(seconds) }
        if let last { step = seconds - last }
        last = seconds
    }

    /// When each of so many rows begins and the last one ends: where the next one would begin, or as long after the last frame
    /// as that came after the one before. Empty where no times came.
    func times(rows: Int) -> [Double] {
        guard rows > 0, starts.count >= rows, let last else { return [] }
        if starts.count > rows { return Array(starts[...rows]) }
        return starts + [last + (step ?? 1 / Cadence.rate)]
    }
}

/// Rows of equal time. A frame is shown until the next one comes, so that a row in which none comes is of the one before it.
extension Extractor {
    /// Times in milliseconds are up to so much off: a frame that comes as little before a row begins is of that row.
    private static var slack: Double { 0.002 }
    /// Rows that may be filled by one frame: an hour's.
    private static var longestGap: Int { 6_750 }
    /// Rows of a video in which no frame comes: a day's.
    private static var mostEmpty: Int { 162_000 }

    /// What has come of the row that is not over.
    private struct Row {
        var index = 0
        /// Squares that are not handed on, since they may be the last ones of the row.
        var held: [[UInt8]] = []
        var frames = 0
        /// Whether the frame that stands for the row has come.
        var isSettled = false
    }

    func extractByTime(
        _ source: some FrameSource, progress: @escaping (ExtractionProgress) -> Void
    ) throws(FrameError) -> Extraction {
        var source = source
        let length = settings.rowSeconds
        var preprocessor = Preprocessor(settings.recipes)
        var queue = RowQueue(self, count: nil, progress: progress)
        var extraction = Extraction()
        var row = Row()
        var shown: [[UInt8]] = []
        var times: (first: Double, last: Double, step: Double)?
        var empty = 0
        func give(_ images: [[UInt8]], isRowsLast: Bool, times: Int = 1) {
            queue.give(images, isRowsLast: isRowsLast, frames: extraction.frames, times: times)
        }
        var frame: Frame?
        while try source.next(into: &frame) {
            guard let frame else { break }
            guard let seconds = source.seconds else {
                throw FrameError(.unsupported, "its frames have no times, by which --cadence time makes rows")
            }
            let first = times?.first ?? seconds
            times = (first, seconds, times.map { seconds - $0.last } ?? 1 / Cadence.rate)
            let place = seconds - first + Self.slack
            let index = place / length < 1e9 ? Int(place / length) : .max
            if index > row.index {
                guard index - row.index <= Self.longestGap else {
                    throw FrameError(
                        .malformed,
                        "frame \(extraction.frames) comes at \(Int(min(seconds, 1e15))) seconds, more than an hour after the one "
                            + "before: its times make no rows, and --cadence frames goes without them")
                }
                try check(rows: index + 1, frames: extraction.frames)
                let gap = index - row.index - 1
                empty += gap
                guard empty <= Self.mostEmpty else {
                    throw FrameError(
                        .malformed,
                        "no frame comes in more than a day of it until frame \(extraction.frames): that is more than is filled, and "
                            + "--cadence frames goes without its times")
                }
                give(row.held, isRowsLast: true)
                if gap > 0 { give(shown, isRowsLast: true, times: gap) }
                row = Row(index: index)
            }
            note(frame, in: &extraction)
            extraction.frames += 1
            shown = preprocessor.images(of: frame)
            switch settings.pooling {
            case .mean:
                give(row.held, isRowsLast: false)
                row.held = shown
            case .first: if row.frames == 0 { row.held = shown }
            case .middle: if !row.isSettled { row.held = shown }
            }
            row.isSettled = place - Double(row.index) * length >= length / 2
            row.frames += 1
        }
        guard let times else {
            extraction.features = queue.finish()
            return extraction
        }
        queue.isOver = true
        let end = times.last + times.step
        let isWhole = end - times.first + Self.slack >= Double(row.index + 1) * length
        if isWhole || settings.tail == .keep { give(row.held, isRowsLast: true) }
        if isWhole {
            // The last frame is shown for as long as the one before it was.
            var rows = row.index + 2
            while end - times.first + Self.slack >= Double(rows) * length {
                give(shown, isRowsLast: true)
                rows += 1
            }
        } else {
            extraction.tailFrames = row.frames
        }
        extraction.features = queue.finish()
        let rows = extraction.features.first?.rows ?? 0
        guard rows > 0 else { return extraction }
        extraction.times = (0...rows).map { times.first + Double($0) * length }
        if !isWhole, settings.tail == .keep { extraction.times[rows] = end }
        return extraction
    }
}
