import Engine
import Jobs
import Platform
import VadCLIP

/// Scores jobs on the workers' threads: a part is a chunk of the video.
struct ScoringWork: ModelWork {
    /// What a job's chunks share: one object, for it is handed on with each of them.
    final class Plan: ModelPlan {
        let version: ModelVersion
        let job: JobID
        /// The model that the job was accepted for, by the name that it was called then.
        let model: ModelID
        let source: Source
        let options: ScoreOptions
        let classes: ClassFeatures

        /// Where the features come from.
        enum Source: Sendable {
            /// They came, [snippets, width].
            case features([Float], ScoreSubject)
            /// They are made of a video meanwhile, and found again by `lookup`; the parts are those that the job was handed in with.
            case video(VideoRun, VideoSubject, lookup: [UInt8], parts: Int)
        }

        init(
            version: ModelVersion, job: JobID, model: ModelID, source: Source, options: ScoreOptions,
            classes: ClassFeatures
        ) {
            self.version = version
            self.job = job
            self.model = model
            self.source = source
            self.options = options
            self.classes = classes
        }

        /// Numbers of a snippet.
        var width: Int { version.model.configuration.width }

        /// The chunks that are known.
        var chunks: Chunks {
            switch source {
            case .features(_, let subject):
                Chunks(snippets: subject.snippets, length: version.model.configuration.length)
            case .video(let run, _, _, _): run.chunks
            }
        }

        /// [snippets, width], as far as they are there.
        var features: [Float] {
            switch source {
            case .features(let features, _): features
            case .video(let run, _, _, _): run.features
            }
        }

        /// The features of some snippets that are there.
        func features(of range: Range<Int>) -> ArraySlice<Float> {
            switch source {
            case .features(let features, _): features[range.lowerBound * width..<range.upperBound * width]
            case .video(let run, _, _, _): run.rows(range)
            }
        }
    }

    /// Logits of one chunk.
    struct PartResult: Sendable {
        var coarse: [Float]
        var fine: [Float]

        /// The chunk's logits, by `classes` classes.
        func logits(classes: Int) -> Logits {
            Logits(snippets: coarse.count, classes: classes, coarse: coarse, fine: fine)
        }
    }

    /// Told how many snippets each chunk had that was scored.
    var scored: (@Sendable (_ snippets: Int) -> Void)?
    /// Told of jobs that name a camera, when a chunk of them is about to be there.
    var chunkScored: (@Sendable (JobID) -> Void)?
    /// Scores some of the jobs by another model too.
    var canary: Canary?
    /// Takes videos, where that is done.
    var videos: VideoIntake?
    /// Numbers that a video's features may have.
    var mostNumbers = 32 << 20
    /// Counts rows of videos for who pays for them; says why no more may come.
    var settle: (@Sendable (VideoBill, Int) async -> JobFailure?)?

    func plan(_ job: ClaimedJob, for version: ModelVersion) throws(JobFailure) -> Plan {
        if job.kind.hasBytes(of: VideoSubject.kind) { return try planVideo(job, for: version) }
        let model = version.model
        guard let subject = ScoreSubject(job.kind, job.subject), let options = ScoreOptions(encoded: subject.options)
        else { throw JobFailure(reason: "unreadable-job", detail: "The job's stored options can't be read.") }
        guard subject.width == model.configuration.width else {
            throw JobFailure(reason: "wrong-width", detail: Self.wrongWidth(subject.width, job.model, version))
        }
        let (count, overflow) = subject.snippets.multipliedReportingOverflow(by: subject.width)
        guard !overflow, let features = job.input.features(count) else {
            throw JobFailure(
                reason: "unreadable-job",
                detail:
                    "The job's \(job.input.count) bytes are not \(subject.snippets) rows of \(subject.width) features.")
        }
        do {
            return Plan(
                version: version, job: job.token.job, model: job.model, source: .features(features, subject),
                options: options, classes: try model.classes(for: options.labels, called: version.name))
        } catch {
            throw JobFailure(reason: "labels", detail: error.description)
        }
    }

    /// A job has the width of the model that it was accepted for, so that it is another that can't score it.
    private static func wrongWidth(_ width: Int, _ model: ModelID, _ version: ModelVersion) -> String {
        "The job was accepted for the model \(model) and is \(width) wide; that model is not served here, and "
            + "'\(version.name)', which is to score its jobs, takes features \(version.model.configuration.width) wide."
    }

    func partCount(_ plan: Plan) -> Int { plan.chunks.count }

    func isGrowing(_ plan: Plan) -> Bool { if case .video = plan.source { true } else { false } }

    func prepare(_ plan: Plan) throws(JobFailure) -> PartsKnown {
        guard case .video(let run, _, _, _) = plan.source else {
            return PartsKnown(count: plan.chunks.count, isAll: true)
        }
        return try run.step()
    }

    func standing(_ plan: Plan, partsDone: Int) -> JobStanding? {
        guard case .video(let run, _, _, let parts) = plan.source else { return nil }
        return run.standing(parts: parts, partsDone: partsDone)
    }

    func stop(_ plan: Plan) { if case .video(let run, _, _, _) = plan.source { run.stop() } }

    func isSerial(kind: String) -> Bool { ScoringService.serialKinds.contains { $0.hasBytes(of: kind) } }

    func process(part: Int, of plan: Plan, scorer: ChunkScorer) throws(JobFailure) -> PartResult {
        let range = plan.chunks[part]
        var result = PartResult(
            coarse: [Float](repeating: 0, count: range.count),
            fine: [Float](repeating: 0, count: range.count * plan.classes.labels.count))
        scorer.score(
            plan.features(of: range), classes: plan.classes, coarse: &result.coarse, fine: &result.fine, offset: 0)
        scored?(range.count)
        // A job of one chunk has nothing to tell before its end.
        if let chunkScored, plan.options.camera != nil, part > 0 || isGrowing(plan) || plan.chunks.count > 1 {
            chunkScored(plan.job)
        }
        return result
    }

    func finish(_ plan: Plan, results: [PartResult], timings: JobTimings) throws(JobFailure) -> JobOutput {
        var video = try finishVideo(plan)
        let chunks = plan.chunks
        var logits = Logits(snippets: chunks.snippets, classes: plan.classes.labels.count)
        logits.coarse = results.flatMap(\.coarse)
        logits.fine = results.flatMap(\.fine)
        if let snippet = logits.firstNotFinite {
            throw JobFailure(
                reason: "not-finite",
                detail: "The scores of snippet \(snippet) are not finite: the features are too large for the model.")
        }
        var result = ScoreResult(
            model: plan.version.model, classes: plan.classes, logits: logits,
            featuresSHA256: digest(of: plan, video?.subject),
            options: plan.options, queued: timings.queued, scored: timings.scored)
        let isOther = plan.model.sha256.map { !$0.hasBytes(of: result.modelSHA256) } ?? false
        result.model = isOther ? plan.version.name : plan.model.name
        result.acceptedForSHA256 = isOther ? plan.model.sha256 : nil
        result.source = video?.source
        if let subject = video?.subject, subject.thumbnails > 0 {
            let (pictures, warnings) = pictures(of: result, most: subject.thumbnails, plan)
            result.pictures = pictures
            video?.subject.warnings += warnings
        }
        canary?.take(plan, result)
        return JobOutput(body: result.encoded, subject: video?.subject.job)
    }

    private func digest(of plan: Plan, _ subject: VideoSubject?) -> String {
        if case .features(_, let subject) = plan.source { return subject.digest.text }
        return subject?.featuresSHA256 ?? ""
    }
}

extension Duration {
    /// The duration in milliseconds, to the microsecond.
    package var milliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1_000 + Double(attoseconds / 1_000_000_000_000) / 1_000
    }
}
