import Engine
import Extraction
import Jobs
import Platform
import VadCLIP
import Video

/// A video that can be scored, with what was found out about it.
package struct AcceptedVideo: Sendable {
    /// What tells it from others of its batch; alone its file's name, nil where none is known.
    package let name: String?
    let video: ShelvedVideo
    /// What its header and its first frame say.
    package let facts: VideoFacts

    /// What it is: `MP4`.
    package var container: String { video.input.container.name }
    /// Its bytes.
    package var bytes: Int { video.input.bytes }
    /// SHA-256 of the file, in hexadecimal.
    package var sha256: String { video.input.sha256 }
    /// What looks wrong before any of it is decoded, for how its frames are to become rows.
    package func warnings(_ options: ScoreOptions) -> [String] {
        var warnings: [String] = []
        if let frames = facts.expectedFrames, frames < Self.framesOfRow, options.cadence != .time {
            warnings.append(
                "it says that it has \(counted(frames, "frame")), fewer than the \(Self.framesOfRow) of a row: "
                    + (options.tail == .keep
                        ? "they make one row" : "without tail=keep, which makes a row of them, the job fails"))
        }
        return warnings + [(options.cadence ?? .frames).advice(rate: facts.rate)].compactMap { $0 }
    }

    private static let framesOfRow = 16

    /// Frames that it should have: by what the file says, or else about as many as a file of that size has.
    var frames: Int { min(max(facts.expectedFrames ?? bytes / 20_000, 1), VideoIntake.limits.frames) }
}

extension Upload {
    /// Whether it has videos and no matrices.
    package var isOfVideos: Bool { !videos.isEmpty }
}

/// Accepting and submitting videos, whose features are made when their jobs are.
extension ScoringService {
    /// The kinds of jobs that one worker does most of.
    public static let serialKinds = [VideoSubject.kind]

    /// What takes videos; nil where nobody has said anything of them.
    public var videos: VideoIntake? { settings.videos }

    /// Looks at each video; throws what can't be scored.
    ///
    /// - Parameter client: who sent them
    package func acceptVideos(
        _ upload: Upload, _ options: ScoreOptions, for versions: [ModelVersion], of client: String
    ) async throws(ScoringError) -> [AcceptedVideo] {
        guard let intake = settings.videos else { throw .video(.notTaken("")) }
        for version in versions { try await intake.check(version) }
        guard options.crop == nil else {
            throw .parameter(
                OptionError(
                    name: "crop",
                    problem: "given with a video: it is about features that hold several crops of each snippet"))
        }
        try Self.checkName(upload, options, what: "video")
        var accepted: [AcceptedVideo] = []
        for video in upload.videos {
            let facts: VideoFacts
            do throws(ScoringError) { facts = try await intake.look(at: video.video, for: client) } catch {
                guard upload.isBatch, case .video(.unfit(let reason)) = error, let name = video.name else {
                    throw error
                }
                throw .video(.unfit("\(quoted(name)): \(reason)"))
            }
            accepted.append(AcceptedVideo(name: video.name, video: video.video, facts: facts))
        }
        return accepted
    }

    /// Queues jobs for accepted videos, one for each of these and each model; returns once they are committed.
    package func submit(
        _ videos: [AcceptedVideo], isBatch: Bool, _ options: ScoreOptions, caller: Caller, key: String?,
        trace: String?, for versions: [ModelVersion], using reservation: Reservation
    ) async throws(ScoringError) -> Receipt {
        guard let intake = settings.videos else { throw .video(.notTaken("")) }
        await keep(versions)
        for version in versions { _ = await version.sha256 }
        let ffmpeg = try await intake.ffmpeg()
        let inputs = try await shared(videos, intake.shelf, of: caller.client)
        var isNew = false
        do throws(ScoringError) {
            var submission = Submission(batch: [])
            for (video, input) in zip(videos, inputs) {
                for version in versions {
                    let making = try making(options, by: version)
                    let isMade = await intake.archive.isThere(
                        VideoArchive.lookup(making.key(of: input, by: ffmpeg), owner: caller.owner))
                    var new = job(
                        of: video, input, options, by: version, making, intake, account: caller.account, isMade: isMade)
                    // The file counts once, whatever models score it.
                    new.bytesElsewhere = version === versions.first ? video.bytes : 0
                    new.name = isBatch ? video.name : options.name ?? video.name
                    (new.client, new.owner, new.trace) = (caller.client, caller.owner, trace)
                    if intake.shelf.shared != nil { new.file = JobID(input.token) }
                    submission.jobs.append(new)
                }
            }
            submission.isBatch = isBatch || versions.count > 1
            submission.account = caller.account
            submission.key = key.map { text in
                let making =
                    [
                        options.pooling?.rawValue ?? "", options.cadence?.rawValue ?? "", options.tail?.rawValue ?? "",
                    ]
                    // Fingerprints of requests without are what they were.
                    + (options.thumbnails.map { ["thumbnails", String($0)] } ?? [])
                return self.key(
                    text, videos.flatMap { ["video", $0.name ?? "", $0.sha256] + making }, isBatch: isBatch, options,
                    caller: caller)
            }
            // Before the commit, since with it a job can be claimed and end.
            for input in inputs { intake.shelf.take(input.token, for: versions.count) }
            defer {
                if !isNew { for input in inputs { intake.shelf.giveBack(input.token, for: versions.count) } }
            }
            let receipt: Receipt
            do { receipt = try await backlog.submit(submission, using: reservation) } catch { throw .refused(error) }
            isNew = receipt.origin == .new
            if !isNew { await discard(inputs, intake.shelf) }
            return receipt
        } catch {
            await discard(inputs, intake.shelf)
            throw error
        }
    }

    /// The videos as all servers have them, where jobs are shared: with their jobs they are in the store.
    private func shared(
        _ videos: [AcceptedVideo], _ shelf: VideoShelf, of client: String
    ) async throws(ScoringError) -> [VideoInput] {
        guard let shared = shelf.shared else { return videos.map(\.video.input) }
        var inputs: [VideoInput] = []
        do throws(ScoringError) {
            for video in videos {
                guard let path = shelf.path(of: video.video.input.token) else {
                    throw .video(.unfit("its file is gone"))
                }
                inputs.append(try await shared.take(video.video.input, at: path, of: client))
            }
        } catch {
            await discard(inputs, shelf)
            throw error
        }
        return inputs
    }

    /// Removes what was copied for jobs that there are not.
    private func discard(_ inputs: [VideoInput], _ shelf: VideoShelf) async {
        guard let shared = shelf.shared else { return }
        for input in inputs { await shared.discard(input.token) }
    }

    private func making(_ options: ScoreOptions, by version: ModelVersion) throws(ScoringError) -> VideoMaking {
        let making = VideoMaking(
            version, pooling: options.pooling ?? .mean, tail: options.tail ?? .drop, cadence: options.cadence ?? .frames
        )
        guard let making else { throw .video(.noTower(model: version.name)) }
        return making
    }

    private func job(
        of video: AcceptedVideo, _ input: VideoInput, _ options: ScoreOptions, by version: ModelVersion,
        _ making: VideoMaking, _ intake: VideoIntake, account: Account?, isMade: Bool
    ) -> NewJob {
        let late = options.deadline?.warning(at: backlog.wall).map { [$0] } ?? []
        var subject = VideoSubject(
            token: input.token, pooling: making.settings.pooling, tail: making.settings.tail,
            cadence: making.settings.cadence,
            expectedFrames: video.facts.expectedFrames, length: version.model.configuration.length,
            options: options.encoded, warnings: notes(on: options) + late)
        subject.thumbnails = options.thumbnails ?? 0
        let labels = options.labels ?? version.model.classes.labels
        let rows = making.rows(of: video.frames)
        subject.bill = account.map { VideoBill($0, rows: rows, at: backlog.wall) }
        var new = NewJob(
            kind: VideoSubject.kind, subject: subject.job, input: JobBody(input.coded),
            priority: options.priority, model: version.name, modelSHA256: version.knownSHA256,
            parts: making.parts(
                of: video.frames, isMade: isMade, intake.paces, secondsPerChunk: backlog.metrics.secondsPerPart),
            outputEstimate: 4 * rows * (3 + labels.count) + 2 * labels.reduce(0) { $0 + $1.utf8.count + 8 } + 2_048
                + subject.thumbnails * SegmentPicture.mostBytes)
        new.units = rows
        new.deadline = options.deadline?.duration(from: backlog.wall)
        new.callback = options.callback.map { text in (try? settings.callbackAddress?(text)) ?? text }
        new.alerts = options.camera == nil ? [] : settings.alerts
        return new
    }
}
