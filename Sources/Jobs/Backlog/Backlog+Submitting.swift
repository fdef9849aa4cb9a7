extension Backlog {
    /// Whether a job would be taken now.
    public enum Admission: Sendable, Equatable {
        /// It would.
        case open
        /// Not before so many seconds.
        case full(retryAfterSeconds: Int)
        /// Never again: the process is leaving.
        case draining
    }

    /// Whether a job of `bytes` would be taken now, to be asked before its upload is read. Nothing is kept free.
    public func admission(bytes: Int = 0, client: String = "") -> Admission {
        let load = QueueLedger.Load(jobs: 1, bytes: bytes)
        return state.withLock { state in
            if !state.isAccepting { return .draining }
            guard let shortage = state.ledger.shortage(load, of: client) else { return .open }
            return .full(retryAfterSeconds: state.retryAfterSeconds(shortage))
        }
    }

    /// Queues one job, which is committed when this returns.
    public func submit(_ new: NewJob, using reservation: Reservation? = nil) async throws(SubmitError) -> Job {
        let receipt = try await submit(Submission(new), using: reservation)
        guard let job = receipt.jobs.first else { throw .store(.unavailable("it took a job and did not say which")) }
        return job
    }

    /// Queues jobs of one client, which are committed when this returns; or finds those that answer for them.
    ///
    /// - Parameters:
    ///   - submission: the jobs and what they hold
    ///   - reservation: the place that was kept for them; it is used up, also when they are refused.
    /// - Throws: `backlogFull`, `bytesFull`, `shareFull`, `tooLarge`, `draining`, or what the store says.
    public func submit(
        _ submission: Submission, using reservation: Reservation? = nil
    ) async throws(SubmitError) -> Receipt {
        let client = submission.jobs.first?.client ?? ""
        let load = submission.load
        if !hasLongJobs.load(ordering: .relaxed) {
            let isSerial = state.withLock(\.isSerial)
            if submission.jobs.contains(where: { ClaimLimit.isLong(parts: $0.parts) || isSerial($0.kind) }) {
                hasLongJobs.store(true, ordering: .relaxed)
            }
        }
        try exchange(reservation?.room, for: load, of: client, isQueued: true)
        do {
            let receipt = try await store.submit(submission)
            if receipt.origin == .new {
                state.withLock { state in
                    state.metrics.accepted += receipt.jobs.count
                    // Another model has taken the place of theirs since they were accepted.
                    for job in receipt.jobs where job.isModelMissing { state.ledger.setAside(job.load, of: client) }
                }
                bell.ring()
                observer.submitted(receipt.jobs)
            } else {
                state.withLock { $0.ledger.dequeue(load, of: client) }
            }
            return Receipt(jobs: receipt.jobs.map(estimated), batch: receipt.batch, origin: receipt.origin)
        } catch {
            state.withLock { state in
                state.ledger.dequeue(load, of: client)
                state.metrics.refused += load.jobs
            }
            throw .store(error)
        }
    }
}

extension Submission {
    /// What it takes of the queue.
    var load: QueueLedger.Load {
        jobs.reduce(into: QueueLedger.Load()) {
            $0 += QueueLedger.Load(jobs: 1, bytes: $1.billedBytes, parts: $1.parts)
        }
    }
}

extension Backlog.State {
    /// Why so much of `client` can't be taken; nil if it can.
    func refusal(_ load: QueueLedger.Load, of client: String, isInFlight: Bool = false) -> SubmitError? {
        if !isAccepting, !isInFlight { return .draining }
        if load.bytes > ledger.limits.maxBytes {
            return .tooLarge(bytes: load.bytes, limitBytes: ledger.limits.maxBytes)
        }
        if load.jobs > ledger.limits.maxJobs { return .tooMany(jobs: load.jobs, limit: ledger.limits.maxJobs) }
        if load.jobs > 1, case let share = ledger.limits.share(of: client), load.jobs > share.jobs {
            return .beyondShare(jobs: load.jobs, limit: share.jobs)
        }
        guard let shortage = ledger.shortage(load, of: client) else { return nil }
        let seconds = retryAfterSeconds(shortage)
        return switch shortage {
        case .ofAll(_, let isOfBytes):
            isOfBytes ? .bytesFull(retryAfterSeconds: seconds) : .backlogFull(retryAfterSeconds: seconds)
        case .ofClient: .shareFull(retryAfterSeconds: seconds)
        }
    }
}

/// Why a job was not taken.
public enum SubmitError: Error, Sendable, Equatable, CustomStringConvertible {
    /// As many jobs are queued as may be.
    case backlogFull(retryAfterSeconds: Int)
    /// The inputs of those that are queued take as much as they may.
    case bytesFull(retryAfterSeconds: Int)
    /// As much of this client is queued as may be.
    case shareFull(retryAfterSeconds: Int)
    /// A batch has more jobs than may be queued at all.
    case tooMany(jobs: Int, limit: Int)
    /// A batch has more jobs than one client may have queued at all.
    case beyondShare(jobs: Int, limit: Int)
    /// The job alone is larger than all that may be queued.
    case tooLarge(bytes: Int, limitBytes: Int)
    /// The upload lost the room that it held to others, since it came too slowly.
    case tooSlow
    /// The process is leaving.
    case draining
    /// The store did not take it.
    case store(JobStoreError)

    /// What was wrong, in a sentence.
    public var description: String {
        switch self {
        case .backlogFull(let seconds):
            "The backlog is full; there should be room for this job in \(seconds) s."
        case .bytesFull(let seconds):
            "The backlog is full: the inputs of waiting jobs take the memory that they may; there should be room for "
                + "this job in \(seconds) s."
        case .shareFull(let seconds):
            "This client has as many jobs queued as one may have; there should be room for this one in \(seconds) s."
        case .tooMany(let jobs, let limit):
            "The batch has \(jobs) jobs, but no more than \(limit) may be queued in all."
        case .beyondShare(let jobs, let limit):
            "The batch has \(jobs) jobs, but this client may have no more than \(limit) queued at a time."
        case .tooLarge(let bytes, let limit):
            "The job has \(bytes) bytes of input, but no more than \(limit) may be queued in all."
        case .tooSlow:
            "The upload came too slowly to keep the room that it held, which others wait for; send it again over a "
                + "faster connection or in smaller parts."
        case .draining:
            "The service is shutting down and takes no further jobs."
        case .store(let error):
            error.description
        }
    }
}
