import Engine
import Jobs
import VadCLIP

/// Submitting: what was accepted becomes jobs.
extension ScoringService {
    /// Queues accepted matrices as the jobs that they are; returns once they are committed.
    ///
    /// - Parameters:
    ///   - key: the client's own name for the request
    ///   - trace: the request's place in a trace, to be kept with its jobs
    package func submit(
        _ matrices: [AcceptedMatrix], isBatch: Bool, _ options: ScoreOptions, caller: Caller, key: String?,
        trace: String?, for version: ModelVersion, using reservation: Reservation
    ) async throws(ScoringError) -> Receipt {
        try await submit(
            matrices, isBatch: isBatch, options, caller: caller, key: key, trace: trace, for: [version],
            using: reservation)
    }

    /// The same for several models: a job for each matrix and model, which have the features in common.
    package func submit(
        _ matrices: [AcceptedMatrix], isBatch: Bool, _ options: ScoreOptions, caller: Caller, key: String?,
        trace: String?, for versions: [ModelVersion], using reservation: Reservation
    ) async throws(ScoringError) -> Receipt {
        let isDigestAsked = key != nil || settings.reusesResults
        if isDigestAsked { await Self.digest(matrices) }
        await keep(versions)
        for version in versions { _ = await version.sha256 }
        var submission = submission(
            matrices, isBatch: isBatch, options, caller: caller, key: key, for: versions)
        for index in submission.jobs.indices { submission.jobs[index].trace = trace }
        let receipt: Receipt
        do { receipt = try await backlog.submit(submission, using: reservation) } catch { throw .refused(error) }
        // Computed here and now, while a worker scores: it takes as long as a hundredth of the scoring.
        if !isDigestAsked { await Self.digest(matrices) }
        return receipt
    }

    /// Computes the digests of matrices.
    private static func digest(_ matrices: [AcceptedMatrix]) async {
        let values = matrices.reduce(0) { $0 + $1.features.rows * $1.features.columns }
        await LongWork.run(if: values > LongWork.few) {
            for matrix in matrices { _ = matrix.digest.text }
        }
    }

    /// The jobs of an upload.
    private func submission(
        _ matrices: [AcceptedMatrix], isBatch: Bool, _ options: ScoreOptions, caller: Caller, key: String?,
        for versions: [ModelVersion]
    ) -> Submission {
        let encoded = options.encoded
        let wall = backlog.wall
        let deadline = options.deadline?.duration(from: wall)
        let late = options.deadline?.warning(at: wall).map { [$0] } ?? []
        // It could be called when the options were read.
        let callback = options.callback.map { text in (try? settings.callbackAddress?(text)) ?? text }
        let jobs = matrices.flatMap { matrix in
            let features = matrix.features
            let subject = ScoreSubject(
                snippets: features.rows, width: features.columns, digest: matrix.digest,
                warnings: matrix.report.warnings + late, options: encoded)
            let shared = subject.job
            return versions.map { version in
                let model = ModelID(name: version.name, sha256: version.knownSHA256)
                let labels = options.labels ?? version.model.classes.labels
                var new = NewJob.score(
                    features.values, subject, shared: shared, priority: options.priority, client: caller.client,
                    by: model,
                    parts: Chunks(snippets: features.rows, length: version.model.configuration.length).count,
                    outputEstimate: 4 * features.rows * (1 + labels.count)
                        + 2 * labels.reduce(0) { $0 + $1.utf8.count + 8 } + 1_024)
                new.name = isBatch ? matrix.name : options.name ?? matrix.name
                new.owner = caller.owner
                new.units = features.rows
                new.deadline = deadline
                new.callback = callback
                new.alerts = options.camera == nil ? [] : settings.alerts
                if settings.reusesResults {
                    // Results of another arithmetic are others; float32's keys are what they were before there were any.
                    let compute = version.model.kernels.compute
                    new.reuseKey = Digest.of(
                        [model.sha256 ?? "", matrix.digest.text, Digest.of(encoded)]
                            + (compute == .float32 ? [] : [compute.rawValue]))
                }
                return new
            }
        }
        var submission = Submission(batch: jobs)
        submission.isBatch = isBatch || versions.count > 1
        submission.account = caller.account
        submission.key = key.map { text in
            self.key(
                text, matrices.flatMap { [$0.name ?? "", $0.digest.text] }, isBatch: isBatch, options, caller: caller)
        }
        return submission
    }

    /// A client's own name for a request.
    ///
    /// - Parameter parts: what it is about
    func key(
        _ text: String, _ parts: [String], isBatch: Bool, _ options: ScoreOptions, caller: Caller
    ) -> IdempotencyKey {
        // What the models' names stand for is no part of it: who asks again, not knowing whether it had been accepted,
        // shall not have two jobs because another version has come meanwhile.
        let asked = [
            Digest.of(options.encoded), options.priority.name, "\(options.deadline.map { "\($0)" } ?? "")",
            options.callback ?? "", options.name ?? "", isBatch ? "batch" : "job",
        ]
        // Last, so that the fingerprints of requests without it are what they were.
        let named = options.models.isEmpty ? [] : ["models"] + options.models
        let compared = options.compare.map { ["compare", $0] } ?? []
        return IdempotencyKey(
            client: caller.ofKeys, text: text, fingerprint: Digest.of(asked + parts + named + compared))
    }
}
