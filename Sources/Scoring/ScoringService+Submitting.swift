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
        let isDigestAsked = key != nil || settings.reusesResults
        if isDigestAsked { await Self.digest(matrices) }
        var submission = submission(
            matrices, isBatch: isBatch, options, caller: caller, key: key,
            model: ModelID(name: version.name, sha256: await version.sha256), version)
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
        model: ModelID, _ version: ModelVersion
    ) -> Submission {
        let encoded = options.encoded
        let labels = options.labels ?? version.model.classes.labels
        let wall = backlog.wall
        let deadline = options.deadline?.duration(from: wall)
        let late = options.deadline?.warning(at: wall).map { [$0] } ?? []
        // It could be called when the options were read.
        let callback = options.callback.map { text in (try? settings.callbackAddress?(text)) ?? text }
        let jobs = matrices.map { matrix in
            let features = matrix.features
            var new = NewJob.score(
                features.values,
                ScoreSubject(
                    snippets: features.rows, width: features.columns, digest: matrix.digest,
                    warnings: matrix.report.warnings + late, options: encoded),
                priority: options.priority, client: caller.client, by: model,
                parts: Chunks(snippets: features.rows, length: version.model.configuration.length).count,
                outputEstimate: 4 * features.rows * (1 + labels.count)
                    + 2 * labels.reduce(0) { $0 + $1.utf8.count + 8 } + 1_024)
            new.name = isBatch ? matrix.name : options.name ?? matrix.name
            new.owner = caller.owner
            new.units = features.rows
            new.deadline = deadline
            new.callback = callback
            if settings.reusesResults {
                new.reuseKey = Digest.of([model.sha256 ?? "", matrix.digest.text, Digest.of(encoded)])
            }
            return new
        }
        var submission = Submission(batch: jobs)
        submission.isBatch = isBatch
        submission.account = caller.account
        submission.key = key.map { text in
            // The model is no part of it: who asks again, not knowing whether it had been accepted, shall not have two jobs
            // because another model has come meanwhile.
            let parts = matrices.flatMap { [$0.name ?? "", $0.digest.text] }
            let asked = [
                Digest.of(encoded), options.priority.name, "\(options.deadline.map { "\($0)" } ?? "")",
                options.callback ?? "", options.name ?? "", isBatch ? "batch" : "job",
            ]
            return IdempotencyKey(client: caller.ofKeys, text: text, fingerprint: Digest.of(asked + parts))
        }
        return submission
    }
}
