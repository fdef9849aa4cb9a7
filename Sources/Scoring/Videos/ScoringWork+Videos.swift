import Engine
import Extraction
import Formats
import Jobs
import Platform
import VadCLIP
import Video

/// Jobs that begin with a video.
extension ScoringWork {
    func planVideo(_ job: ClaimedJob, for version: ModelVersion) throws(JobFailure) -> Plan {
        guard let subject = VideoSubject(job.kind, job.subject), let options = ScoreOptions(encoded: subject.options),
            let input = VideoWork(job.input, most: mostNumbers)
        else { throw JobFailure(reason: "unreadable-job", detail: "The job's stored options can't be read.") }
        let ffmpeg: FFmpeg
        switch videos?.decoding() ?? .refused("nobody has set it up to") {
        case .by(let found): ffmpeg = found
        case .refused(let reason):
            throw JobFailure(reason: "videos-not-taken", detail: VideoRefusal.notTaken(reason).description)
        }
        guard let videos else { throw VideoRun.unfit("its file is gone") }
        guard
            let making = VideoMaking(
                version, pooling: subject.pooling, tail: subject.tail, cadence: subject.cadence)
        else {
            throw JobFailure(
                reason: "no-image-tower", detail: VideoRefusal.noTower(model: version.name).description)
        }
        let (run, lookup) = try run(job, subject, input, making, by: ffmpeg, videos)
        do {
            return Plan(
                version: version, job: job.token.job, model: job.model,
                source: .video(run, subject, lookup: lookup, parts: job.parts),
                options: options, classes: try version.model.classes(for: options.labels, called: version.name))
        } catch {
            throw JobFailure(reason: "labels", detail: error.description)
        }
    }

    /// The way of a video to rows, and by what these are found again.
    private func run(
        _ job: ClaimedJob, _ subject: VideoSubject, _ input: VideoWork, _ making: VideoMaking, by ffmpeg: FFmpeg,
        _ videos: VideoIntake
    ) throws(JobFailure) -> (run: VideoRun, lookup: [UInt8]) {
        let manner = VideoManner(job.model, subject)
        switch input {
        case .made(let features):
            let run = VideoRun(
                making, at: nil, by: ffmpeg, paces: videos.paces, manner: manner,
                made: (features.job, features.head, features.values), bill: bill(of: subject))
            return (run, features.head.lookup)
        case .video(let input):
            guard let place = videos.shelf.place(of: input) else {
                throw JobFailure(reason: "damaged-job", detail: JobStoreError.damaged(job.id, "").told)
            }
            let lookup = VideoArchive.lookup(making.key(of: input, by: ffmpeg), owner: job.owner)
            if let before = videos.archive.load(lookup, most: mostNumbers) {
                let run = VideoRun(
                    making, at: place, isWanted: subject.thumbnails > 0, by: ffmpeg, paces: videos.paces,
                    manner: manner, made: before, bill: bill(of: subject))
                return (run, lookup)
            }
            let isFetched = videos.shelf.shared != nil && subject.thumbnails > 0
            // Whose video has to be fetched for its pictures has it for its rows too; and who is tried alone waits for nobody, since nobody
            // else has a turn.
            let others =
                isFetched || job.isSuspect
                ? nil
                : RunningVideos.Place(running: videos.running, lookup: lookup, job: job.id) {
                    [mostNumbers] in videos.archive.load(lookup, most: mostNumbers)
                }
            let run = VideoRun(
                making, of: input, at: place,
                mustBeChecked: videos.shelf.shared == nil && !videos.shelf.isFresh(input.token),
                rows: videos.shelf.rowsPlace(of: job.token), by: ffmpeg, paces: videos.paces, manner: manner,
                expected: subject.expectedFrames, limit: mostNumbers, among: others,
                bill: bill(of: subject))
            return (run, lookup)
        }
    }

    private func bill(of subject: VideoSubject) -> RowsBill? {
        guard let bill = subject.bill, let settle else { return nil }
        return RowsBill(counted: bill.rows) { rows in await settle(bill, rows) }
    }

    /// What a video takes its worker, by what the last one of its manner did.
    func expectedSeconds(of job: Job) -> Double? {
        guard let paces = videos?.paces, let subject = VideoSubject(of: job), let frames = subject.expectedFrames else {
            return nil
        }
        // Where its features were made before it costs its chunks alone, and no frame of it is decoded.
        guard job.parts > Chunks(snippets: frames / 16, length: subject.length).count else { return nil }
        return paces.seconds(frames: frames, in: VideoManner(job.modelID, subject))
    }

    /// What a video's job says of itself at its end, and what there is to say of the video; nil of other jobs. Throws where nothing
    /// of it can be scored.
    func finishVideo(_ plan: Plan) throws(JobFailure) -> (subject: VideoSubject, source: VideoSource)? {
        guard case .video(let run, let before, let lookup, _) = plan.source, let made = run.made else { return nil }
        let settings = run.making.settings
        let rows = plan.chunks.snippets
        guard rows > 0 else {
            let frames = made.source.frames
            throw VideoRun.unfit(
                frames == 0
                    ? "it has no frames"
                    : "it has \(counted(frames, "frame")), fewer than the \(settings.framesPerRow) of a row: tail=keep, of a "
                        + "command --tail keep, makes a row of them")
        }
        let array = DecodedArray(shape: [rows, run.width], elementType: .float32, values: run.features)
        var subject = before
        do throws(FeatureError) {
            let report = try FeatureCheck(width: plan.width, fps: plan.options.fps ?? made.source.fps).accept(array)
                .report
            subject.warnings += made.warnings + [settings.advice(rate: made.source.fps)].compactMap { $0 }
            if made.sizes.count > 1 {
                subject.warnings.append("its frames are of several sizes: \(made.sizes.joined(separator: ", "))")
            }
            subject.warnings += report.warnings
        } catch {
            throw VideoRun.unfit("what the tower makes of its frames can't be scored: \(error.description)")
        }
        let digest = array.digest
        subject.snippets = rows
        subject.featuresSHA256 = digest
        // What was cut short for want of time may come to more the next time.
        let isFinal = made.source.truncatedBy.map { !$0.hasBytes(of: VideoFrames.Cut.end.rawValue) } ?? true
        let head = KeptFeatures.Head(
            lookup: isFinal ? lookup : VideoArchive.lookup(lookup, owner: "\(plan.job)"),
            job: made.source.featuresOfJob ?? "\(plan.job)", rows: rows, width: run.width, sha256: digest, made: made)
        videos?.archive.keep(array.values, head, of: plan.job, as: run.other)
        return (subject, made.source)
    }
}
