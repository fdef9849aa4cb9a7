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
    public func admission(bytes: Int = 0) -> Admission {
        state.withLock { state in
            if !state.isAccepting { return .draining }
            if state.ledger.hasRoom(forBytes: bytes) { return .open }
            return .full(retryAfterSeconds: state.retryAfterSeconds(bytes: bytes))
        }
    }

    /// Keeps a place free for a job that is still being uploaded, so that any number of uploads stay within the limits.
    ///
    /// - Parameter bytes: what is known of its size; the reservation can grow.
    /// - Parameter place: false for an upload that will not become a job and only needs the memory.
    /// - Throws: `backlogFull`, `tooLarge` or `draining`.
    public func reserve(bytes: Int = 0, place: Bool = true) throws(SubmitError) -> Reservation {
        try take(bytes: bytes, place: place)
        return Reservation(bytes: bytes, place: place, of: self)
    }

    /// Queues a job, which is committed when this returns.
    ///
    /// - Parameter reservation: the place that was kept for it; it is used up, also when the job is refused.
    /// - Throws: `backlogFull`, `tooLarge`, `draining`, or what the store says.
    public func submit(_ new: NewJob, using reservation: Reservation? = nil) async throws(SubmitError) -> Job {
        let bytes = new.input.bytes
        if let reservation, let reserved = reservation.spend() {
            try exchange(reserved: reserved, forBytes: bytes)
        } else {
            try take(bytes: bytes)
        }
        let load = QueueLedger.Load(jobs: 1, bytes: bytes, parts: new.parts)
        state.withLock { $0.ledger.enqueueReserved(load) }
        do {
            let job = try await store.insert(new)
            state.withLock { $0.metrics.accepted += 1 }
            bell.ring()
            return estimated(job)
        } catch {
            state.withLock { state in
                state.ledger.dequeue(load)
                state.metrics.refused += 1
            }
            throw .store(error)
        }
    }

    /// Takes room for a job into the reserve, or says why there is none.
    private func take(bytes: Int, place: Bool = true) throws(SubmitError) {
        let jobs = place ? 1 : 0
        let refusal = state.withLock { state -> SubmitError? in
            if let refusal = state.refusal(bytes: bytes, jobs: jobs) {
                state.metrics.refused += jobs
                return refusal
            }
            state.ledger.reserve(bytes: bytes, jobs: jobs)
            return nil
        }
        if let refusal { throw refusal }
    }

    /// Changes the size of what is reserved. When it can't, the reservation is gone.
    ///
    /// A place that was granted stays good while the backlog is draining: its upload is a request in flight.
    func exchange(reserved: Int, forBytes bytes: Int, place: Bool = true) throws(SubmitError) {
        let jobs = place ? 1 : 0
        let refusal = state.withLock { state -> SubmitError? in
            state.ledger.unreserve(bytes: reserved, jobs: jobs)
            if bytes > reserved, let refusal = state.refusal(bytes: bytes, jobs: jobs, isInFlight: true) {
                state.metrics.refused += jobs
                return refusal
            }
            state.ledger.reserve(bytes: bytes, jobs: jobs)
            return nil
        }
        if let refusal { throw refusal }
    }

    func giveBack(reserved bytes: Int, place: Bool) {
        state.withLock { $0.ledger.unreserve(bytes: bytes, jobs: place ? 1 : 0) }
    }
}

extension Backlog.State {
    /// Why a job of `bytes` can't be taken; nil if it can.
    func refusal(bytes: Int, jobs: Int = 1, isInFlight: Bool = false) -> SubmitError? {
        if !isAccepting, !isInFlight { return .draining }
        if bytes > ledger.limits.maxBytes { return .tooLarge(bytes: bytes, limitBytes: ledger.limits.maxBytes) }
        if ledger.hasRoom(forBytes: bytes, jobs: jobs) { return nil }
        return .backlogFull(retryAfterSeconds: retryAfterSeconds(bytes: bytes))
    }

    /// The seconds until so much has left the queue that a job of `bytes` fits, at the measured rate; at least 1, and
    /// at most the ten minutes after which a guess is worth nothing.
    func retryAfterSeconds(bytes: Int) -> Int {
        guard let seconds = rate.seconds(parts: ledger.partsUntilRoom(forBytes: bytes)) else { return 1 }
        return Int(min(max(seconds.rounded(.up), 1), 600))
    }
}
