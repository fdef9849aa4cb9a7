import CLIP
import Extraction
import Frames
import Jobs
import Platform
import Synchronization
import Tensors
import VadCLIP
import Video

/// A video on its way to rows of features.
///
/// A thread of its own reads frames and makes squares of them, as `vigil extract` does; what takes long, the tower, is left to the
/// worker who holds the job, a few squares at a time (``step()``). So a worker is never held longer than by these, and the rows are
/// the very bits of that command.
final class VideoRun: Sendable {
    /// About how long a step takes.
    private static let turn = Duration.milliseconds(100)
    /// How long a worker waits for frames that do not come.
    private static let patience = Duration.milliseconds(25)

    fileprivate struct Board: Sendable {
        /// Squares that are to be encoded.
        var images: [[UInt8]]?
        /// Their features.
        var features: Matrix?
        /// [rows, width], as they are made.
        var rows: [Float]
        var frames = 0
        var expected: Int?
        /// When the first square came that is encoded, and after how many frames.
        var began: (at: MonotonicTime, frames: Int)?
        var isStopped = false
        var outcome: Result<VideoMade, JobFailure>?
    }

    /// The tower at work, and what it has made of the squares that came last.
    ///
    /// `@unchecked Sendable`: it is reached through a mutex alone.
    private final class Bench: @unchecked Sendable {
        let tower: ImageTower
        let scratch: ImageScratch
        var done: [Float] = []

        init(_ tower: ImageTower) {
            self.tower = tower
            scratch = ImageScratch(for: tower, images: 4)
        }
    }

    let making: VideoMaking
    let ffmpeg: FFmpeg
    let width: Int
    private let length: Int
    private let limit: Int
    private let paces: TowerPaces
    private let manner: VideoManner
    private let leash = DecoderLeash()
    private let board: Monitor<Board>
    private let bench = Mutex<Bench?>(nil)
    private let file: RowsFile?
    private let known: Matrix
    /// Where the video is, while it is worked on; nil where it is not needed and may be gone.
    let path: String?
    /// Nil where nothing is read.
    private let reading: (video: VideoInput, path: String, mustBeChecked: Bool)?
    private let hasBegun = Atomic(false)
    /// The job whose features these are, where they were made before.
    let other: JobID?
    private let bill: RowsBill?
    private let place: RunningVideos.Place?
    /// - Parameters:
    ///   - path: where the video is
    ///   - mustBeChecked: whether a disk may have made something else of it since it came
    ///   - manner: what the time of its frames depends on
    ///   - rows: where finished rows are kept; nil where they are not
    ///   - limit: numbers that its features may have
    ///   - place: its place among those who want the same features
    init(
        _ making: VideoMaking, of video: VideoInput, at path: String, mustBeChecked: Bool, rows: String?,
        by ffmpeg: FFmpeg, paces: TowerPaces, manner: VideoManner, expected: Int?, limit: Int,
        among place: RunningVideos.Place, bill: RowsBill? = nil
    ) {
        (self.making, self.ffmpeg, self.paces, self.limit) = (making, ffmpeg, paces, limit)
        self.manner = manner
        let width = making.tower.configuration.outputWidth
        self.width = width
        length = making.version.model.configuration.length
        self.path = path
        reading = (video, path, mustBeChecked)
        other = nil
        self.place = place
        self.bill = bill
        let key = making.key(of: video, by: ffmpeg)
        let opened = rows.map { RowsFile.open($0, key: key, width: width, limit: limit) }
        file = opened?.file
        known = opened?.rows ?? Matrix(rows: 0, columns: width)
        bill?.begin(with: known.rows)
        board = Monitor(Board(rows: known.values, expected: expected))
    }

    /// One of which all is known: another job has made the features.
    init(
        _ making: VideoMaking, at path: String?, by ffmpeg: FFmpeg, paces: TowerPaces,
        manner: VideoManner, made before: (job: JobID, head: KeptFeatures.Head, values: [Float]), bill: RowsBill? = nil
    ) {
        (self.making, self.ffmpeg, self.paces, limit) = (making, ffmpeg, paces, 0)
        self.manner = manner
        width = before.head.width
        length = making.version.model.configuration.length
        self.path = path
        reading = nil
        (other, file, place) = (before.job, nil, nil)
        self.bill = bill
        known = Matrix(rows: 0, columns: width)
        var made = before.head.made
        made.source.featuresOfJob = before.head.job
        var board = Board(rows: before.values, frames: made.source.frames)
        board.outcome = .success(made)
        self.board = Monitor(board)
        hasBegun.store(true, ordering: .relaxed)
    }

    deinit { stop() }

    /// Ends decoding at once.
    func stop() {
        board.withLock { $0.isStopped = true }
        board.wakeAll()
        leash.cut()
    }

    /// Encodes for a while what has come, and says how many chunks of rows there are.
    func step() throws(JobFailure) -> PartsKnown {
        if !hasBegun.load(ordering: .relaxed), !start() {
            board.wait(until: Deadline(in: .milliseconds(5))) { $0.isStopped ? () : nil }
            return PartsKnown(count: chunks.count, isAll: false)
        }
        _ = try isCounted(isOver: false)
        let deadline = MonotonicTime.now + Self.turn
        while MonotonicTime.now < deadline, let next = awaited() {
            switch next {
            case .over(let outcome):
                _ = try outcome.get()
                if try isCounted(isOver: true) { return PartsKnown(count: chunks.count, isAll: true) }
                bill?.wait(until: Deadline(in: Self.patience))
            case .stopped: throw Self.unfit("it was stopped")
            case .images(let images): try encode(images, until: deadline)
            }
        }
        return PartsKnown(count: chunks.count, isAll: false)
    }

    /// Whether all rows that there are have been counted; throws where no more may come.
    private func isCounted(isOver: Bool) throws(JobFailure) -> Bool {
        try bill?.isCounted(board.withLock { $0.rows.count / max(width, 1) }, isOver: isOver) ?? true
    }

    private enum Next {
        case images([[UInt8]])
        case over(Result<VideoMade, JobFailure>)
        case stopped
    }

    private func awaited() -> Next? {
        board.wait(until: Deadline(in: Self.patience)) { board -> Next? in
            if board.isStopped { return .stopped }
            if let outcome = board.outcome { return .over(outcome) }
            guard let images = board.images, board.features == nil else { return nil }
            if board.began == nil { board.began = (.now, board.frames) }
            return .images(images)
        }
    }

    /// Encodes some of the squares, or all; these go back once all are done.
    private func encode(_ images: [[UInt8]], until deadline: MonotonicTime) throws(JobFailure) {
        let features = try bench.withLock { (bench) throws(JobFailure) -> Matrix? in
            if bench == nil { bench = try Bench(tower()) }
            guard let bench else { return nil }
            while bench.done.count < images.count * width {
                let first = bench.done.count / width
                let count = min(images.count - first, atOnce)
                let began = MonotonicTime.now
                bench.done += bench.tower.encode(Array(images[first..<first + count]), with: bench.scratch).values
                paces.record(count, in: .now - began, by: making.tower.sha256)
                if MonotonicTime.now >= deadline { break }
            }
            guard bench.done.count == images.count * width else { return nil }
            defer { bench.done = [] }
            return Matrix(rows: images.count, columns: width, values: bench.done)
        }
        guard let features else { return }
        board.withLock { board in
            board.features = features
            board.images = nil
        }
        board.wakeAll()
    }

    /// Squares that go through the tower at once, so that others have their turn soon.
    private var atOnce: Int {
        guard let each = paces.seconds(by: making.tower.sha256), each > 0 else { return 1 }
        return min(max(Int(4 * Self.turn.inSeconds / each), 1), 4)
    }

    private func tower() throws(JobFailure) -> ImageTower {
        do throws(ModelError) { return try making.tower.tower() } catch {
            throw JobFailure(reason: "no-image-tower", detail: "The model's image tower can't be used: \(error).")
        }
    }
}

/// The same features, made by another job at this time.
extension VideoRun {
    /// Whether others need not make these features. What was cut short for want of time may come to more the next time.
    var isOfUse: Bool {
        board.withLock { board in
            switch board.outcome {
            case nil: !board.isStopped
            case .success(let made)?: made.source.truncatedBy?.hasBytes(of: VideoFrames.Cut.end.rawValue) != true
            case .failure?: false
            }
        }
    }

    /// Begins, or takes over what has been made meanwhile; false while another job makes it.
    private func start() -> Bool {
        guard let other = place.flatMap({ $0.running.leader($0.lookup, for: self) }) else {
            guard !hasBegun.exchange(true, ordering: .relaxed) else { return true }
            if let (_, head, values) = place?.kept() {
                var made = head.made
                made.source.featuresOfJob = head.job
                take(made, values, frames: made.source.frames)
            } else {
                begin()
            }
            return true
        }
        let theirs = other.board.withLock { $0 }
        guard case .success(var made)? = theirs.outcome else {
            board.withLock { ($0.frames, $0.expected) = (theirs.frames, theirs.expected ?? $0.expected) }
            return false
        }
        guard !hasBegun.exchange(true, ordering: .relaxed) else { return true }
        if made.source.featuresOfJob == nil { made.source.featuresOfJob = other.place.map { "\($0.job)" } }
        take(made, theirs.rows, frames: theirs.frames)
        return true
    }

    private func take(_ made: VideoMade, _ rows: [Float], frames: Int) {
        board.withLock { ($0.rows, $0.frames, $0.outcome) = (rows, frames, .success(made)) }
        board.wakeAll()
    }
}

/// What is known of it while it is worked on.
extension VideoRun {
    /// The chunks of the rows that there are: until all have come, those that are whole.
    var chunks: Chunks {
        board.withLock { board in
            let rows = board.rows.count / max(width, 1)
            let isOver = if case .success? = board.outcome { true } else { false }
            return Chunks(snippets: isOver ? rows : rows / length * length, length: length)
        }
    }

    /// Some of the rows.
    func rows(_ range: Range<Int>) -> ArraySlice<Float> {
        board.withLock { $0.rows[range.lowerBound * width..<range.upperBound * width] }
    }

    /// All of them.
    var features: [Float] { board.withLock { $0.rows } }

    /// What came; nil before all has.
    var made: VideoMade? { board.withLock { board in board.outcome.flatMap { try? $0.get() } } }

    /// How far it is, in what the job costs.
    func standing(parts: Int, partsDone: Int) -> JobStanding {
        let board = board.withLock { $0 }
        let isOver = board.outcome != nil
        let rows = board.rows.count / max(width, 1)
        let chunks = isOver ? Chunks(snippets: rows, length: length).count : nil
        let share = isOver ? 1 : board.expected.map { min(Double(board.frames) / Double(max($0, 1)), 0.999) } ?? 0
        let progress = VideoProgress(
            phase: isOver ? .score : board.began == nil ? .decode : .embed, frames: board.frames,
            expectedFrames: board.expected, rows: rows, chunksDone: partsDone, chunks: chunks)
        return JobStanding(
            partsDone: min(Int(share * Double(parts)), max(parts - 1, 0)), secondsLeft: secondsLeft(board, isOver),
            note: progress.coded,
            parts: isOver
                ? nil : making.parts(of: board.frames, isMade: false, paces, secondsPerChunk: nil))
    }

    private func secondsLeft(_ board: Board, _ isOver: Bool) -> Double? {
        if isOver { return 0 }
        guard let expected = board.expected else { return nil }
        let left = Double(max(expected - board.frames, 0))
        if let began = board.began, board.frames > began.frames {
            let each = (MonotonicTime.now - began.at).inSeconds / Double(board.frames - began.frames)
            // The first frames of a video say little of the others'.
            if board.frames - began.frames >= 16 { paces.record(secondsPerFrame: each, in: manner) }
            return left * each
        }
        return paces.seconds(frames: Int(left), in: manner)
    }
}

/// Reading, on a thread of its own.
extension VideoRun {
    private func begin() {
        guard let reading else { return }
        let (board, leash, making, ffmpeg, known) = (board, leash, making, ffmpeg, known)
        let (video, file, width, limit) = (reading.video, file, width, limit)
        let code = OwnThread.run(name: "vigil-video", stackBytes: 1 << 20) {
            let outcome: Result<VideoMade, JobFailure>
            do throws(FrameError) {
                if reading.mustBeChecked { try Self.check(video, at: reading.path) }
                let opened = try VideoFile(path: reading.path)
                guard opened.count == video.bytes else { throw Self.damaged }
                let frames = try VideoFrames(
                    opened, by: ffmpeg, only: making.settings.selection, limits: VideoIntake.limits, leash: leash)
                board.withLock { $0.expected = frames.expectedCount ?? $0.expected }
                let relay = Relay(board: board, resolution: making.tower.configuration.resolution, outputWidth: width)
                let extraction = try Extractor(making.settings, encoder: relay, threads: 1)
                    .extract(frames, from: known, limit: limit) { progress in
                        board.withLock { $0.frames = progress.frames }
                    } made: { row in
                        let isSound = board.withLock { board in
                            if !board.isStopped { board.rows += row }
                            return !board.isStopped
                        }
                        if isSound { file?.append(row) }
                    }
                if frames.outcome?.isInterrupted == true { throw Self.interrupted }
                // Those that were made because no more frames came.
                let rows = extraction.features.first?.values ?? []
                board.withLock { $0.rows += rows.dropFirst($0.rows.count) }
                outcome = .success(making.made(of: video, extraction, frames.outcome, by: ffmpeg))
            } catch {
                outcome = .failure(Self.failure(of: error))
            }
            if case .failure(let failure) = outcome, failure.isPassing {
                // Whoever has ended the decoder may be about to end this process too: then no attempt is lost.
                _ = board.wait(until: Deadline(in: .seconds(1))) { $0.isStopped ? () : nil }
            }
            board.withLock { $0.outcome = outcome }
            board.wakeAll()
        }
        guard code != 0 else { return }
        board.withLock { board in
            board.outcome = .failure(
                JobFailure(
                    reason: "videos-not-taken",
                    detail: VideoRefusal.notTaken("no thread can be started: \(errnoText(code))").description))
        }
    }

    private static let interrupted = FrameError(.interrupted, "")
    private static func failure(of error: FrameError) -> JobFailure {
        if error.kind == .interrupted { return interruption }
        return error == damaged ? damage : unfit(error.reason)
    }

    private static let interruption = JobFailure(
        reason: "out-of-attempts",
        detail: "its decoder was ended from outside, as a system that is out of memory does.", isPassing: true)
    private static let damaged = FrameError(.unreadable, "it is not what came")
    private static let damage = JobFailure(
        reason: "damaged-job",
        detail: "What is kept of the video is not what came: the disk has made something else of it.")

    static func unfit(_ reason: String) -> JobFailure {
        JobFailure(reason: "unfit-video", detail: VideoRefusal.unfit(reason).description)
    }

    private static func check(_ video: VideoInput, at path: String) throws(FrameError) {
        let found = try? OpenFile(path: path).sha256()
        guard let found, found.hasBytes(of: video.sha256) else { throw damaged }
    }

    /// Leaves squares to whoever works on the job, and waits for their features.
    private struct Relay: FrameEncoder {
        let board: Monitor<Board>
        let resolution: Int
        let outputWidth: Int

        func scratch(images: Int) {}

        func encode(_ images: [[UInt8]], with scratch: Void) -> Matrix {
            board.withLock { $0.images = images }
            board.wakeAll()
            return board.wait { [outputWidth] board in
                // Nobody looks at what comes of a job that was stopped.
                if board.isStopped { return Matrix(rows: images.count, columns: outputWidth) }
                return board.features.take()
            }
        }
    }
}
