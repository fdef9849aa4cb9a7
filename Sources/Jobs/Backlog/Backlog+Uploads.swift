import Platform
import Synchronization

/// Room for uploads that are on their way.
extension Backlog {
    /// Keeps a place free for a job that is still being uploaded, so that any number of uploads stay within the limits.
    ///
    /// It stays good while the upload comes at the pace of the limits. Where there is no room left, uploads that lag
    /// behind lose theirs to the new one.
    ///
    /// - Parameters:
    ///   - bytes: what is announced of its size; the reservation can grow
    ///   - place: false for an upload that will not become a job and only needs the memory
    ///   - client: whose share it counts for
    ///   - interrupt: called where the upload loses what it holds while it may wait for its next bytes
    /// - Throws: `backlogFull`, `shareFull`, `tooLarge` or `draining`.
    public func reserve(
        bytes: Int = 0, place: Bool = true, client: String = "", interrupt: @escaping @Sendable () -> Void = {}
    ) throws(SubmitError) -> Reservation {
        let load = QueueLedger.Load(jobs: place ? 1 : 0, bytes: bytes)
        let room = UploadRoom(load, client: client, pace: limits.pace, now: clock.now, interrupt: interrupt)
        let lost = try exchange(nil, for: load, of: client, newcomer: room)
        return Reservation(room, inPlaceOf: lost, of: self)
    }

    /// Counts more for an upload that holds more than was counted. When it can't be, the upload's room is gone.
    func grow(_ room: UploadRoom, toBytes bytes: Int) throws(SubmitError) {
        let now = clock.now
        let (refusal, lost) = state.withLock { state -> (SubmitError?, [UploadRoom]) in
            // Since the upload last looked, its room may have gone to another.
            guard let before = state.remove(room) else { return (room.isLost ? .tooSlow : nil, []) }
            let wanted = QueueLedger.Load(jobs: before.jobs, bytes: max(bytes, before.bytes))
            let (refusal, lost) = state.makeRoom(for: wanted, of: room.client, isInFlight: true, now: now)
            if refusal != nil {
                state.metrics.refused += wanted.jobs
                return (refusal, lost)
            }
            state.ledger.reserve(wanted, of: room.client)
            room.state.withLock {
                $0.counted = wanted
                $0.held = bytes
            }
            state.insert(room)
            return (nil, lost)
        }
        for each in lost { each.interrupt() }
        if let refusal { throw refusal }
    }

    /// Takes the room of an upload that comes to nothing out of the books, if it has any.
    func release(_ room: UploadRoom) {
        guard !room.isUsedUp.load(ordering: .acquiring) else { return }
        let now = clock.now
        defer { room.farewell?.close(with: ()) }
        state.withLock { state in
            guard state.remove(room) != nil, !room.hasArrived else { return }
            state.breakers.note(room.client, now: now, for: limits.pace.memory)
        }
    }

    /// Puts what jobs take in the place of what was reserved for their upload, whose room is gone in any case.
    ///
    /// A place that was granted stays good while the backlog is draining: its upload is a request in flight.
    ///
    /// - Parameter isQueued: whether the jobs are about to be inserted
    /// - Returns: the uploads that lost what they held for it
    @discardableResult
    func exchange(
        _ room: UploadRoom?, for load: QueueLedger.Load, of client: String, newcomer: UploadRoom? = nil,
        isQueued: Bool = false
    ) throws(SubmitError) -> [UploadRoom] {
        let now = clock.now
        let (refusal, lost) = state.withLock { state -> (SubmitError?, [UploadRoom]) in
            let reserved = room.flatMap { state.remove($0) }
            if reserved != nil { room?.isUsedUp.store(true, ordering: .releasing) }
            let isMore = reserved.map { load.bytes > $0.bytes || load.jobs > $0.jobs } ?? true
            var lost: [UploadRoom] = []
            if isMore {
                let refusal: SubmitError?
                (refusal, lost) = state.makeRoom(for: load, of: client, isInFlight: reserved != nil, now: now)
                if refusal != nil {
                    state.metrics.refused += load.jobs
                    return (refusal, lost)
                }
            }
            if isQueued {
                state.ledger.enqueue(load, of: client)
            } else {
                state.ledger.reserve(QueueLedger.Load(jobs: load.jobs, bytes: load.bytes), of: client)
            }
            if let newcomer {
                if state.breakers.knows(client, now: now) { newcomer.endGrace(now: now) }
                state.insert(newcomer)
            }
            return (nil, lost)
        }
        for each in lost { each.interrupt() }
        if let refusal { throw refusal }
        return lost
    }
}

extension Backlog.State {
    /// Enters an upload, which can be late from its own time on.
    mutating func insert(_ room: UploadRoom) {
        uploads[ObjectIdentifier(room)] = room
        nextLate = min(nextLate, room.state.withLock { $0.due })
    }

    /// Takes an upload's room out of the books; nil where it has none any more.
    mutating func remove(_ room: UploadRoom) -> QueueLedger.Load? {
        guard uploads.removeValue(forKey: ObjectIdentifier(room)) != nil else { return nil }
        let counted = room.state.withLock { $0.counted }
        ledger.unreserve(counted, of: room.client)
        return counted
    }

    /// Why so much of `client` can't be taken, after uploads that lag behind have lost what would make room for it.
    ///
    /// - Returns: also the uploads that lost what they held, whose tasks are to be interrupted
    mutating func makeRoom(
        for load: QueueLedger.Load, of client: String, isInFlight: Bool = false, now: MonotonicTime
    ) -> (SubmitError?, [UploadRoom]) {
        guard let refusal = refusal(load, of: client, isInFlight: isInFlight) else { return (nil, []) }
        switch refusal {
        case .backlogFull, .shareFull: break
        default: return (refusal, [])
        }
        guard now >= nextLate else { return (refusal, []) }
        let late = lateUploads(now: now)
        // Nobody loses anything for one that would be refused nevertheless.
        var trial = ledger
        for (room, state) in late { trial.unreserve(state.promised, of: room.client) }
        let needsHeld = trial.shortage(load, of: client) != nil
        if needsHeld {
            for (room, state) in late { trial.unreserve(QueueLedger.Load(bytes: state.held), of: room.client) }
            guard trial.shortage(load, of: client) == nil else { return (refusal, []) }
        }
        for (room, _) in late where !needsHeld {
            guard let shortage = ledger.shortage(load, of: client) else { break }
            if shortage.concerns(room.client, askedBy: client) { withdrawPromise(of: room, now: now) }
        }
        guard needsHeld else { return (self.refusal(load, of: client, isInFlight: isInFlight), []) }
        var lost: [UploadRoom] = []
        for (room, _) in late {
            guard let shortage = ledger.shortage(load, of: client) else { break }
            if shortage.concerns(room.client, askedBy: client) { withdrawPromise(of: room, now: now) }
        }
        for (room, state) in late where state.held > 0 {
            guard let shortage = ledger.shortage(load, of: client) else { break }
            guard shortage.concerns(room.client, askedBy: client) else { continue }
            let isStillLate = room.state.withLock { state in
                guard state.due <= now else { return false }
                state.farewell = Latch()
                return true
            }
            guard isStillLate else { continue }
            _ = remove(room)
            lost.append(room)
        }
        return (self.refusal(load, of: client, isInFlight: isInFlight), lost)
    }

    /// The uploads that are behind and have something to lose, the latest first.
    private mutating func lateUploads(now: MonotonicTime) -> [(room: UploadRoom, state: UploadRoom.State)] {
        var late: [(room: UploadRoom, state: UploadRoom.State)] = []
        var next = MonotonicTime(nanoseconds: .max)
        for room in uploads.values {
            let state = room.state.withLock { $0 }
            // Without anything to lose it need not be looked at before it is entered anew.
            guard state.counted != QueueLedger.Load() else { continue }
            if state.due <= now { late.append((room, state)) }
            next = min(next, state.due)
        }
        // A time by which an upload is due only moves on, and what is entered brings its own.
        nextLate = next
        return late.sorted { $0.state.due < $1.state.due }
    }

    /// Takes back what was promised to an upload beyond what it holds, unless it has caught up since the look at it.
    private mutating func withdrawPromise(of room: UploadRoom, now: MonotonicTime) {
        let promised = room.state.withLock { state in
            guard state.due <= now else { return QueueLedger.Load() }
            let promised = state.promised
            state.counted -= promised
            return promised
        }
        ledger.unreserve(promised, of: room.client)
    }
}

extension QueueLedger.Shortage {
    /// Whether room that `holder` gives up helps against it.
    fileprivate func concerns(_ holder: String, askedBy client: String) -> Bool {
        if case .ofClient = self { holder == client } else { true }
    }
}
