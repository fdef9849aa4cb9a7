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

    struct Board: Sendable {
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
    let length: Int
    private let limit: Int
    let paces: TowerPaces
    let manner: VideoManner
    private let leash = DecoderLeash()
    let board: Monitor<Board>
    private let bench = Mutex<Bench?>(nil)
    /// Where the video is; nil where it is not needed and may be gone.
    let place: VideoPlace?
    /// Nil where nothing is read.
    private let reading: (video: VideoInput, place: VideoPlace, mustBeChecked: Bool, rows: RowsPlace?)?
    /// Finished rows of a file here, which is open before the job can end: afterwards nobody would remove it.
    private let early: (file: RowsFile?, rows: Matrix)?
    /// What is known of the features before the video, which pictures are made of, is here.
    private let toCome: VideoMade?
    let hasBegun = Atomic(false)
    /// The job whose features these are, where they were made before.
    let other: JobID?
    private let bill: RowsBill?
    /// Its place among those who want the same features.
    let others: RunningVideos.Place?

    /// - Parameters:
    ///   - place: where the video is
    ///   - mustBeChecked: whether a disk may have made something else of it since it came
    ///   - manner: what the time of its frames depends on
    ///   - rows: where finished rows are kept; nil where they are not
    ///   - limit: numbers that its features may have
    ///   - others: its place among those who want the same features
    init(
        _ making: VideoMaking, of video: VideoInput, at place: VideoPlace, mustBeChecked: Bool, rows: RowsPlace?,
        by ffmpeg: FFmpeg, paces: TowerPaces, manner: VideoManner, expected: Int?, limit: Int,
        among others: RunningVideos.Place?, bill: RowsBill? = nil
    ) {
        (self.making, self.ffmpeg, self.paces, self.limit) = (making, ffmpeg, paces, limit)
        self.manner = manner
        let width = making.tower.configuration.outputWidth
        self.width = width
        length = making.version.model.configuration.length
        self.place = place
        reading = (video, place, mustBeChecked, rows)
        (other, toCome) = (nil, nil)
        self.others = others
        self.bill = bill
        if case .file(let path) = rows {
            let opened = RowsFile.open(path, key: making.key(of: video, by: ffmpeg), width: width, limit: limit)
            bill?.begin(with: opened.rows.rows)
            early = opened
        } else {
            early = nil
        }
        board = Monitor(Board(rows: early?.rows.values ?? [], expected: expected))
    }

    /// One of which all is known: another job has made the features.
    ///
    /// - Parameter isWanted: whether the video is needed all the same
    init(
        _ making: VideoMaking, at place: VideoPlace?, isWanted: Bool = false, by ffmpeg: FFmpeg, paces: TowerPaces,
        manner: VideoManner, made before: (job: JobID, head: KeptFeatures.Head, values: [Float]), bill: RowsBill? = nil
    ) {
        (self.making, self.ffmpeg, self.paces, limit) = (making, ffmpeg, paces, 0)
        self.manner = manner
        width = before.head.width
        length = making.version.model.configuration.length
        self.place = place
        reading = nil
        (other, early, others) = (before.job, nil, nil)
        self.bill = bill
        var made = before.head.made
        made.source.featuresOfJob = before.head.job
        var board = Board(rows: before.values, frames: made.source.frames)
        let isToCome = isWanted && place?.path == nil
        toCome = isToCome ? made : nil
        if !isToCome { board.outcome = .success(made) }
        self.board = Monitor(board)
        hasBegun.store(!isToCome, ordering: .relaxed)
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

/// Reading, on a thread of its own.
extension VideoRun {
    func begin() {
        guard let reading else { return fetch() }
        let (board, leash, making, ffmpeg, bill) = (board, leash, making, ffmpeg, bill)
        let (video, width, limit, early) = (reading.video, width, limit, early)
        let code = OwnThread.run(name: "vigil-video", stackBytes: 1 << 20) {
            let outcome: Result<VideoMade, JobFailure>
            let path: String
            do throws(JobFailure) { path = try reading.place.fetch(pause: Self.pause(board)) } catch {
                return Self.end(board, .failure(error))
            }
            let opened =
                early
                ?? reading.rows.map {
                    RowsFile.open($0, key: making.key(of: video, by: ffmpeg), width: width, limit: limit)
                }
            let (rowsFile, known) = (opened?.file, opened?.rows ?? Matrix(rows: 0, columns: width))
            // Before they are there: those that an earlier attempt has made it has counted.
            bill?.begin(with: known.rows)
            board.withLock { $0.rows = known.values }
            do throws(FrameError) {
                if reading.mustBeChecked { try Self.check(video, at: path) }
                let opened = try VideoFile(path: path)
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
                        if isSound { rowsFile?.append(row) }
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
            Self.end(board, outcome)
        }
        guard code != 0 else { return }
        Self.end(
            board,
            .failure(
                JobFailure(
                    reason: "videos-not-taken",
                    detail: VideoRefusal.notTaken("no thread can be started: \(errnoText(code))").description)))
    }

    /// Fetches the video for its pictures; that they can't be made is no reason to fail.
    private func fetch() {
        guard let made = toCome, let place else { return }
        let board = board
        let code = OwnThread.run(name: "vigil-video", stackBytes: 1 << 20) {
            _ = try? place.fetch(pause: Self.pause(board))
            Self.end(board, .success(made))
        }
        if code != 0 { Self.end(board, .success(made)) }
    }

    private static func end(_ board: Monitor<Board>, _ outcome: Result<VideoMade, JobFailure>) {
        board.withLock { $0.outcome = outcome }
        board.wakeAll()
    }

    /// Waits for a while, unless the run is stopped meanwhile; says whether it goes on.
    private static func pause(_ board: Monitor<Board>) -> (Duration) -> Bool {
        { time in board.wait(until: Deadline(in: time)) { $0.isStopped ? () : nil } == nil }
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
    static let damage = JobFailure(
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
