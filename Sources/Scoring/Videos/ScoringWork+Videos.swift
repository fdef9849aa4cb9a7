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
            let input = job.input.withUnsafeBytes({ VideoInput(coded: Array($0)) })
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
        guard let path = videos.shelf.path(of: input.token) else {
            throw JobFailure(reason: "damaged-job", detail: JobStoreError.damaged(job.id, "").told)
        }
        let run = VideoRun(
            making, of: input, at: path, mustBeChecked: !videos.shelf.isFresh(input.token),
            rows: videos.shelf.rowsPath(of: job.id), by: ffmpeg, paces: videos.paces,
            manner: VideoManner(job.model, subject), expected: subject.expectedFrames, limit: mostNumbers)
        do {
            return Plan(
                version: version, job: job.token.job, model: job.model, source: .video(run, subject, parts: job.parts),
                options: options, classes: try version.model.classes(for: options.labels, called: version.name))
        } catch {
            throw JobFailure(reason: "labels", detail: error.description)
        }
    }

    /// What a video takes its worker, by what the last one of its manner did.
    func expectedSeconds(of job: Job) -> Double? {
        guard let paces = videos?.paces, let subject = VideoSubject(of: job), let frames = subject.expectedFrames else {
            return nil
        }
        return paces.seconds(frames: frames, in: VideoManner(job.modelID, subject))
    }

    /// What a video's job says of itself at its end, and what there is to say of the video; nil of other jobs. Throws where nothing
    /// of it can be scored.
    func finishVideo(_ plan: Plan) throws(JobFailure) -> (subject: VideoSubject, source: VideoSource)? {
        guard case .video(let run, let before, _) = plan.source, let found = run.found else { return nil }
        let settings = run.making.settings
        let rows = plan.chunks.snippets
        guard rows > 0 else {
            let frames = found.extraction.frames
            throw VideoRun.unfit(
                frames == 0
                    ? "it has no frames"
                    : "it has \(counted(frames, "frame")), fewer than the \(settings.framesPerRow) of a row: tail=keep makes "
                        + "a row of them")
        }
        let fps = found.extraction.rate.map { found.facts?.settled($0) ?? $0 }
        let array = DecodedArray(shape: [rows, run.width], elementType: .float32, values: run.features)
        var subject = before
        do throws(FeatureError) {
            let report = try FeatureCheck(width: plan.width, fps: plan.options.fps ?? fps).accept(array).report
            let sizes = found.extraction.sizes
            subject.warnings += found.warnings
            if sizes.count > 1 {
                subject.warnings.append(
                    "its frames are of several sizes: \(sizes.map { $0.description }.joined(separator: ", "))")
            }
            subject.warnings += report.warnings
        } catch {
            throw VideoRun.unfit("what the tower makes of its frames can't be scored: \(error.description)")
        }
        subject.snippets = rows
        subject.featuresSHA256 = array.digest
        let source = VideoSource(
            sha256: run.video.sha256, frames: found.extraction.frames, fps: fps, times: found.extraction.times,
            truncatedBy: found.cut?.rawValue, ffmpeg: run.ffmpeg.version, isolation: run.ffmpeg.isolation.rawValue,
            recipeSHA256: run.making.recipeSHA256, towerSHA256: run.making.tower.sha256)
        return (subject, source)
    }
}
