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
    /// - Throws: `backlogFull`, `bytesFull`, `shareFull`, `tooLarge` or `draining`.
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
        case .backlogFull, .bytesFull, .shareFull: break
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

/// A place in the backlog for jobs that are still on their way. It is given back when nobody holds it any more.
public final class Reservation: Sendable {
    private let backlog: Backlog
    let room: UploadRoom
    /// The uploads that lost what they held for it.
    private let dispossessed: [UploadRoom]
    private static let patience = Duration.seconds(2)

    init(_ room: UploadRoom, inPlaceOf dispossessed: [UploadRoom], of backlog: Backlog) {
        self.room = room
        self.dispossessed = dispossessed
        self.backlog = backlog
    }

    deinit { cancel() }

    /// Returns once those that lost what they held for it have let go of that, so that no more is held than is counted; or
    /// after a moment, where they don't. To be called before the upload is read.
    public func ready() async {
        for room in dispossessed {
            guard let farewell = room.farewell else { continue }
            _ = await farewell.value(until: backlog.clock.now + Self.patience, by: backlog.clock)
        }
    }

    /// Takes note that the upload goes on: what it holds is counted, and it is in time for so much longer.
    ///
    /// - Parameters:
    ///   - received: bytes that came since the last time
    ///   - bytes: what the upload holds in all; less than before changes nothing
    /// - Throws: `backlogFull`, `bytesFull`, `shareFull` or `tooLarge`, and then the place is given back; `tooSlow` where the upload
    ///   has lost it to others.
    public func advance(by received: Int, holding bytes: Int) throws(SubmitError) {
        switch room.advance(by: received, holding: bytes, now: backlog.clock.now) {
        case nil: throw .tooSlow
        case true?: try backlog.grow(room, toBytes: bytes)
        case false?: break
        }
    }

    /// Reserves more as more of the upload turns up; less than before changes nothing.
    ///
    /// - Throws: as `advance(by:holding:)`.
    public func grow(toBytes bytes: Int) throws(SubmitError) { try advance(by: 0, holding: bytes) }

    /// All of the upload has come: what is left to do is not the client's, so that it can't be late any more.
    public func arrived() { room.arrived() }

    /// Whether others got what the upload held, because it came too slowly.
    public var isLost: Bool { room.isLost }

    /// Gives the place back; once it was used there is nothing to give.
    public func cancel() { backlog.release(room) }
}

/// What one upload in flight has of the backlog: what was promised to it, and what it holds.
///
/// A promise is good while the upload brings its bytes in the time that its size allows. One that lags behind keeps it
/// as long as nobody else wants the room; then it first loses what it was promised and has not filled, and if that is
/// not enough what it holds, which ends it. Its lock is taken inside the backlog's, never the other way round.
final class UploadRoom: Sendable {
    struct State {
        /// What the ledger counts for it; its bytes are never less than what is held.
        var counted: QueueLedger.Load
        /// Bytes that its decoder holds.
        var held = 0
        /// Bytes that have come.
        var received = 0
        /// Until when it is in time, if no byte comes before.
        var due: MonotonicTime
        /// There once it has lost what it held; closed when that is not in memory any more.
        var farewell: Latch<Void?>?

        /// Whether it lost what it held.
        var isLost: Bool { farewell != nil }

        /// What is counted and not filled.
        var promised: QueueLedger.Load { QueueLedger.Load(jobs: counted.jobs, bytes: counted.bytes - held) }
    }

    /// Whose share it counts for.
    let client: String
    /// Whether it is to become a job.
    let becomesJob: Bool
    let state: Mutex<State>
    /// Whether jobs have taken its place, after which there is nothing to give back.
    let isUsedUp = Atomic(false)
    private let announced: Int
    private let pace: Backlog.Pace
    /// Wakes whoever waits for the upload's next bytes, so that what it holds goes.
    let interrupt: @Sendable () -> Void

    init(
        _ load: QueueLedger.Load, client: String, pace: Backlog.Pace, now: MonotonicTime,
        interrupt: @escaping @Sendable () -> Void
    ) {
        self.client = client
        self.pace = pace
        self.interrupt = interrupt
        becomesJob = load.jobs > 0
        announced = load.bytes
        state = Mutex(State(counted: load, due: now + pace.grace))
    }

    /// Counts in bytes that came and what is held now.
    ///
    /// - Returns: whether that is more than is counted, so that the ledger has to be asked; nil where the room is lost
    func advance(by bytes: Int, holding held: Int, now: MonotonicTime) -> Bool? {
        state.withLock { state in
            guard !state.isLost else { return nil }
            state.received += bytes
            if state.due != .never {
                state.due = pace.due(state.due, after: bytes, of: max(announced, state.received), now: now)
            }
            guard held <= state.counted.bytes else { return true }
            state.held = max(state.held, held)
            return false
        }
    }

    /// It is late until its first bytes come.
    func endGrace(now: MonotonicTime) { state.withLock { $0.due = now } }

    /// Whether others got what it held.
    var isLost: Bool { state.withLock { $0.isLost } }

    /// To wait by for the memory of what it lost.
    var farewell: Latch<Void?>? { state.withLock { $0.farewell } }

    /// Whether the client has done its part.
    var hasArrived: Bool { state.withLock { $0.due == .never } }

    /// The client has done its part: from now on it is not late any more.
    func arrived() { state.withLock { $0.due = .never } }
}

extension MonotonicTime {
    /// A time that does not come.
    fileprivate static let never = MonotonicTime(nanoseconds: .max)
}
