import Jobs

/// Reviewing: what people say of a job's events, kept beside it.
extension ScoringService {
    /// What came of keeping verdicts.
    package enum Reviewed: Sendable {
        case kept(Verdicts, revision: Int)
        /// Somebody else was quicker: nothing is done.
        case changed(revision: Int)
        /// Together they are larger than what is kept beside a job.
        case tooLarge
    }

    /// The verdicts on a job that the caller has seen, and how often they were changed; none where nothing was said yet.
    package func verdicts(on job: Job) async throws(ScoringError) -> (verdicts: Verdicts, revision: Int) {
        let remarks: JobRemarks?
        do { remarks = try await backlog.remarks(job.id) } catch { throw .store(error) }
        guard let remarks else { return (Verdicts(), 0) }
        guard let verdicts = Verdicts(kept: remarks.bytes) else {
            throw .store(.damaged(job.id, "its verdicts can't be read"))
        }
        return (verdicts, remarks.revision)
    }

    /// Keeps verdicts on a job that the caller has seen, in the place of those of this revision.
    ///
    /// - Parameter name: of the API key that they came with
    package func keep(
        _ verdicts: Verdicts, by name: String?, on job: Job, over former: (verdicts: Verdicts, revision: Int)
    ) async throws(ScoringError) -> Reviewed {
        let signed = verdicts.signed(by: name, at: backlog.wall, over: former.verdicts)
        let bytes = signed.kept
        guard bytes.count <= JobRemarks.mostBytes else { return .tooLarge }
        let outcome: RemarkOutcome
        do { outcome = try await backlog.remark(job.id, bytes, over: former.revision) } catch { throw .store(error) }
        switch outcome {
        case .kept(let remarks): return .kept(signed, revision: remarks.revision)
        case .changed(let now): return .changed(revision: now?.revision ?? 0)
        case .unknown: throw .unknownJob(job.id.description)
        }
    }
}
