import CLIP
import Engine
import Extraction
import Frames
import Jobs
import Platform
import Synchronization
import VadCLIP
public import Video

/// Whether videos are taken, how large they may be, what decodes them, and where they are until their jobs have ended.
public final class VideoIntake: Sendable {
    /// What decodes videos, or why none are taken and what to do: what stands behind a colon.
    public enum Decoding: Sendable {
        /// By this program.
        case by(FFmpeg)
        /// They are not.
        case refused(String)
    }

    /// Bytes that one may have.
    public let maxBytes: Int
    let shelf: VideoShelf
    /// What is kept of them after that.
    let archive: VideoArchive
    let paces = TowerPaces()
    let running = RunningVideos()
    private let find: @Sendable () -> Decoding
    private let found = Monitor<(decoding: Decoding?, isBegun: Bool)>((nil, false))
    /// A video is looked at before its job is taken, a few at a time.
    private let turns = FairTurns(places: 4)

    /// Takes videos, or not, as `find` says, which may take a while and is called once: by `decoding`, or by whoever asks first.
    public init(
        maxBytes: Int, on shelf: VideoShelf, keeping archive: VideoArchive = VideoArchive(),
        find: @escaping @Sendable () -> Decoding
    ) {
        (self.maxBytes, self.shelf, self.archive, self.find) = (maxBytes, shelf, archive, find)
    }

    /// What decodes videos. Whoever asks while that is looked for waits: it is for threads of our own.
    @discardableResult
    public func decoding() -> Decoding {
        let isMine = found.withLock { found in
            defer { found.isBegun = true }
            return !found.isBegun
        }
        guard isMine else { return found.wait { $0.decoding } }
        let decoding = find()
        found.withLock { $0.decoding = decoding }
        found.wakeAll()
        return decoding
    }

    /// What decodes videos, as far as that is known.
    package var known: Decoding? { found.withLock(\.decoding) }

    /// The same for tasks.
    package func decodingLater() async -> Decoding {
        if let known { return known }
        return await WorkThreads.blocking.run { [self] in decoding() }
    }

    /// Whether there is something that decodes them.
    package func areTaken() async -> Bool {
        if case .by = await decodingLater() { true } else { false }
    }

    /// What decoding may take here: less patience than at a terminal, since others wait.
    static let limits: VideoLimits = {
        var limits = VideoLimits()
        limits.patience = .seconds(20)
        return limits
    }()

    /// Throws unless videos are taken for a model.
    func check(_ version: ModelVersion) async throws(ScoringError) {
        _ = try await ffmpeg()
        guard version.model.imageTower != nil else { throw .video(.noTower(model: version.name)) }
    }

    /// What decodes videos; throws where nothing does.
    func ffmpeg() async throws(ScoringError) -> FFmpeg {
        switch await decodingLater() {
        case .by(let ffmpeg): return ffmpeg
        case .refused(let reason): throw .video(.notTaken(reason))
        }
    }

    /// Room for a video that comes, for a model.
    func begin(
        for version: ModelVersion, expected: Int?, of sender: VideoShelf.Sender
    ) async throws(ScoringError) -> VideoUpload {
        try await check(version)
        return try await VideoUpload.begin(on: shelf, limit: maxBytes, expected: expected, of: sender)
    }

    /// What a look may take: a first frame comes within a second, and who waits for it holds a connection.
    private static let lookLimits: VideoLimits = {
        var limits = VideoIntake.limits
        limits.processorSeconds = 5
        return limits
    }()

    /// What the header and the first frame of a video say. It ends with the request that asks.
    ///
    /// - Parameter client: whose turn it is
    func look(at video: ShelvedVideo, for client: String) async throws(ScoringError) -> VideoFacts {
        let ffmpeg = try await ffmpeg()
        guard let path = shelf.path(of: video.input.token) else { throw .video(.unfit("its file is gone")) }
        await turns.enter(client)
        defer { turns.leave(client) }
        guard !Task.isCancelled else { throw .video(.unfit("its client has gone")) }
        let leash = DecoderLeash()
        let result = await withTaskCancellationHandler {
            await WorkThreads.blocking.run { () -> Result<VideoFacts, FrameError> in
                func look() throws(FrameError) -> VideoFacts {
                    try VideoLook(VideoFile(path: path), by: ffmpeg, limits: Self.lookLimits, leash: leash).first()
                        .facts
                }
                return Result { () throws(FrameError) in
                    do throws(FrameError) { return try look() } catch  where error.kind == .interrupted && !leash.isCut
                    {
                        return try look()
                    }
                }
            }
        } onCancel: {
            leash.cut()
        }
        do throws(FrameError) { return try result.get() } catch { throw .video(.unfit(error.reason)) }
    }
}

/// How long a worker takes for a frame's feature, as it did lately, by tower; and how long a frame of a video takes in all, decoding
/// and whoever has turns beside it counted in, by how its rows are made.
final class TowerPaces: Sendable {
    /// What a measurement still counts for after the next one.
    private static let fading = 0.98

    private let known = Mutex<[ByteText: (images: Double, seconds: Double)]>([:])
    private let frames = Mutex<[VideoManner: Double]>([:])

    /// Keeps what a frame takes in all, as the video that is worked on has it.
    func record(secondsPerFrame: Double, in manner: VideoManner) {
        frames.withLock { $0[manner] = secondsPerFrame }
    }

    /// Seconds for so many frames; nil before some of such a video were done.
    func seconds(frames count: Int, in manner: VideoManner) -> Double? {
        frames.withLock { $0[manner].map { $0 * Double(count) } }
    }

    /// Counts in squares that were encoded.
    func record(_ images: Int, in time: Duration, by tower: String) {
        known.withLock { known in
            let before = known[ByteText(tower)] ?? (0, 0)
            known[ByteText(tower)] = (
                before.images * Self.fading + Double(images), before.seconds * Self.fading + time.inSeconds
            )
        }
    }

    /// Seconds of a worker for one; nil before there was any.
    func seconds(by tower: String) -> Double? {
        known.withLock { known in known[ByteText(tower)].flatMap { $0.images > 0 ? $0.seconds / $0.images : nil } }
    }
}

/// What the time of a video's frames depends on: the model that rows are made for, and how.
struct VideoManner: Hashable, Sendable {
    private let model: ByteText
    private let pooling: Pooling
    private let cadence: Cadence

    init(_ model: ModelID, _ subject: VideoSubject) {
        (self.model, pooling, cadence) = (ByteText(model.sha256 ?? model.name), subject.pooling, subject.cadence)
    }
}

/// How frames become rows for a model, and what that costs.
struct VideoMaking: Sendable {
    let settings: ExtractionSettings
    let tower: KeptImageTower
    let version: ModelVersion
    private let recipe: Recipe

    /// Nil where the model has no tower, or one that there is no recipe for.
    init?(_ version: ModelVersion, pooling: Pooling, tail: Tail, cadence: Cadence) {
        guard let tower = version.model.imageTower,
            let recipe = Recipe(.vadclip, crop: 0, resolution: tower.configuration.resolution)
        else { return nil }
        self.tower = tower
        self.version = version
        self.recipe = recipe
        settings = ExtractionSettings(
            recipes: [recipe], pooling: pooling, tail: tail, compute: version.model.kernels.compute, cadence: cadence)
    }

    /// Frames of a row whose features are made.
    private var encodedOfRow: Double { settings.pooling == .mean ? Double(settings.framesPerRow) : 1 }

    /// Features that are made of so many frames.
    func encoded(of frames: Int) -> Double {
        Double(frames) * encodedOfRow / Double(settings.framesPerRow)
    }

    /// Rows that so many frames make.
    func rows(of frames: Int) -> Int { max(settings.rows(of: frames), 1) }

    /// What a job costs, in chunks of features: the tower's work counts as many as take as long.
    ///
    /// - Parameters:
    ///   - isMade: whether its features were made before, and are there
    ///   - secondsPerChunk: as it was measured
    func parts(of frames: Int, isMade: Bool, _ paces: TowerPaces, secondsPerChunk: Double?) -> Int {
        let chunks = Chunks(snippets: rows(of: frames), length: version.model.configuration.length).count
        guard !isMade else { return chunks }
        let ratio: Double
        if let each = paces.seconds(by: tower.sha256), let secondsPerChunk, secondsPerChunk > 0 {
            ratio = each / secondsPerChunk
        } else {
            // As the arithmetic has it, until both are measured.
            let chunk = 2 * Double(version.model.info.parameters) * Double(version.model.configuration.length)
            ratio = tower.configuration.operations / max(chunk, 1)
        }
        let work = encoded(of: frames) * min(max(ratio, 0.001), 10_000)
        return chunks + Int(min(work.rounded(.up), 1e9))
    }

    /// A digest of all that rows depend on.
    func key(of video: VideoInput, by ffmpeg: FFmpeg) -> [UInt8] {
        var digest = SHA256()
        let parts = [
            video.sha256, settings.recipes.map { settings.text(of: $0) }.joined(), tower.sha256,
            version.model.kernels.compute.rawValue, version.model.kernels.name, ffmpeg.version,
        ]
        for part in parts { Array("\(part.utf8.count):\(part)".utf8).withUnsafeBytes { digest.update($0) } }
        return digest.finalize()
    }

    /// What there is to say of a video whose frames have come.
    func made(
        of video: VideoInput, _ extraction: Extraction, _ outcome: VideoFrames.Outcome?, by ffmpeg: FFmpeg
    ) -> VideoMade {
        let facts = outcome?.facts
        let source = VideoSource(
            sha256: video.sha256, extraction, outcome, by: ffmpeg, recipeSHA256: settings.digest(of: recipe),
            towerSHA256: tower.sha256)
        var made = VideoMade(
            source: source, container: video.container.name,
            recipe: MadeRecipe(settings, recipe, kernels: version.model.kernels.name))
        made.tailFrames = extraction.tailFrames
        made.sizes = extraction.sizes.map(\.description)
        made.warnings = outcome?.warnings ?? []
        (made.codec, made.pixelFormat, made.rate) = (facts?.codec, facts?.pixelFormat, facts?.rate)
        (made.duration, made.rotation) = (facts?.duration, facts?.rotation)
        return made
    }
}
