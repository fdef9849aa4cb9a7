import Engine
import Formats
import Jobs
import Platform
import Tensors
import VadCLIP

/// Again: what a job was about is scored anew by another job, against other labels or by another model, without coming anew.
extension ScoringService {
    /// Queues a job that scores the features of another one, which its caller has seen; returns once it is committed.
    ///
    /// - Parameters:
    ///   - given: what is to be otherwise
    ///   - key: the client's own name for the request
    ///   - trace: the request's place in a trace, to be kept with its job
    package func scoreAgain(
        _ job: Job, _ given: [Parameter], caller: Caller, key: String?, trace: (ScoreOptions) -> String?
    ) async throws(ScoringError) -> Receipt {
        let stored = JobFacts(of: job).flatMap { ScoreOptions(encoded: $0.options) } ?? ScoreOptions()
        var options: ScoreOptions
        do throws(OptionError) { options = try ScoreOptions(again: given, of: stored) } catch {
            throw .parameter(error)
        }
        try checkCallback(of: options)
        let version = try await version(options, of: job)
        try check(options, of: version)
        options.name = options.name ?? job.name
        if let subject = VideoSubject(of: job) {
            return try await scoreAgain(
                job, subject, options, by: version, caller: caller, key: key, trace: trace(options))
        }
        guard let subject = ScoreSubject(of: job) else { throw Self.notKept(job, "it is about no features") }
        let reservation = try await room(4 * subject.snippets * subject.width, key: key, caller: caller)
        defer { reservation.cancel() }
        let matrix = try await accepted(job, subject, options, before: stored, by: version)
        return try await submit(
            [matrix], isBatch: false, options, caller: caller, key: key, trace: trace(options), for: version,
            using: reservation)
    }

    /// The model that is asked for; else the job's own, as it was or as it is now.
    private func version(_ options: ScoreOptions, of job: Job) async throws(ScoringError) -> ModelVersion {
        if options.models.isEmpty, let version = models.version(of: job.modelID) { return version }
        do { return try await models.find(options.models.first ?? job.model) } catch { throw .model(error) }
    }

    /// Keeps room for what is there already, so that nobody is waited for.
    private func room(_ bytes: Int, key: String?, caller: Caller) async throws(ScoringError) -> Reservation {
        let reservation = try await reserve(bytes: bytes, place: true, mayBeKnown: key != nil, caller: caller) {}
        await reservation.ready()
        reservation.arrived()
        return reservation
    }

    /// The features that came with a job, with what is to be said of them now.
    private func accepted(
        _ job: Job, _ subject: ScoreSubject, _ options: ScoreOptions, before: ScoreOptions, by version: ModelVersion
    ) async throws(ScoringError) -> AcceptedMatrix {
        let array = DecodedArray(
            shape: [subject.snippets, subject.width], elementType: .float32, values: try await input(of: job, subject))
        let width = version.model.configuration.width
        let outcome = await LongWork.run(if: array.values.count > LongWork.few) {
            Result { () throws(FeatureError) in
                let (features, report) = try FeatureCheck(width: width, fps: options.fps).accept(array)
                let isSame = options.fps == before.fps
                let former = isSame ? report : try FeatureCheck(width: width, fps: before.fps).accept(array).report
                return (features, report, former.warnings)
            }
        }
        do throws(FeatureError) {
            var (features, report, former) = try outcome.get()
            // What was said of the file that they came in is as true as it was.
            let ofOptions = former + notes(on: before)
            let kept = subject.warnings.filter { warning in
                !ofOptions.contains { $0.hasBytes(of: warning) } && !warning.begins(with: JobDeadline.warningBegins)
            }
            report.warnings = notes(on: options) + kept + report.warnings
            return AcceptedMatrix(
                name: job.name, features: features, report: report, digest: FeatureDigest(subject.digest.text))
        } catch {
            throw .features(error, file: nil, models: models(fitting: error))
        }
    }

    /// Queues a job for the features that were made of a video. It has them for its input, so that it does not matter what becomes
    /// of the other one.
    private func scoreAgain(
        _ job: Job, _ before: VideoSubject, _ options: ScoreOptions, by version: ModelVersion, caller: Caller,
        key: String?, trace: String?
    ) async throws(ScoringError) -> Receipt {
        guard let intake = settings.videos else { throw .video(.notTaken("")) }
        let features = try await madeFeatures(of: job)
        try await intake.check(version)
        guard let tower = version.model.imageTower, tower.sha256.hasBytes(of: features.head.made.source.towerSHA256)
        else {
            throw .parameter(
                OptionError(
                    name: "model",
                    problem: "\(quoted(version.name)) has another image tower than the one that made the features of "
                        + "job \(job.id): expected one with the same, or the video itself"))
        }
        let reservation = try await room(features.count, key: key, caller: caller)
        defer { reservation.cancel() }
        let input = await WorkThreads.blocking.run { Result { () throws(FileError) in try features.input() } }
        guard case .success(let bytes) = input else {
            throw Self.notKept(job, "they are not what was written any more")
        }
        await keep([version])
        _ = await version.sha256
        var subject = VideoSubject(
            token: before.token, pooling: before.pooling, tail: before.tail, cadence: before.cadence,
            expectedFrames: nil, length: version.model.configuration.length, options: options.encoded,
            warnings: notes(on: options) + (options.deadline?.warning(at: backlog.wall).map { [$0] } ?? []))
        subject.snippets = features.head.rows
        let labels = options.labels ?? version.model.classes.labels
        var new = NewJob(
            kind: VideoSubject.kind, subject: subject.job, input: JobBody(bytes), priority: options.priority,
            client: caller.client, model: version.name, modelSHA256: version.knownSHA256,
            parts: Chunks(snippets: features.head.rows, length: subject.length).count,
            outputEstimate: 4 * features.head.rows * (3 + labels.count)
                + 2 * labels.reduce(0) { $0 + $1.utf8.count + 8 } + 2_048)
        (new.name, new.owner, new.trace, new.units) = (options.name, caller.owner, trace, features.head.rows)
        new.deadline = options.deadline?.duration(from: backlog.wall)
        new.callback = options.callback.map { text in (try? settings.callbackAddress?(text)) ?? text }
        new.alerts = options.camera == nil ? [] : settings.alerts
        var submission = Submission(new)
        submission.account = caller.account
        submission.key = key.map { self.key($0, ["again", "\(job.id)"], isBatch: false, options, caller: caller) }
        return try await submit(submission, of: before.token, on: intake.shelf, using: reservation)
    }

    /// Hands a job in that is about a video on the shelf, which may be gone.
    private func submit(
        _ submission: Submission, of token: String, on shelf: VideoShelf, using reservation: Reservation
    ) async throws(ScoringError) -> Receipt {
        // Before the commit, since with it a job can be claimed and end.
        shelf.take(token, for: 1)
        var isNew = false
        defer { if !isNew { shelf.giveBack(token, for: 1) } }
        do {
            let receipt = try await backlog.submit(submission, using: reservation)
            isNew = receipt.origin == .new
            return receipt
        } catch { throw .refused(error) }
    }
}
