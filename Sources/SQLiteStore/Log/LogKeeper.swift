import GRDB
import GRDBSQLite
import Platform
import Synchronization
import Zlib

/// Writes down beside the database what it has, for ``FolderCheck`` to compare: how far the log is after each commit, and the
/// sums of its pages before they are brought into the database.
///
/// Its functions are the writer's alone, which calls them between transactions.
final class LogKeeper: Sendable {
    private struct State {
        var record: WitnessRecord
        /// The record that was written last.
        var written: WitnessRecord
        /// The database's number after a commit that was not noted yet, or is about to come.
        var unnoted: UInt32?
        /// The descriptor of the log, which has the same file as long as the database is open.
        var log: Int32 = -1
        /// That of what connections share of it.
        var index: Int32 = -1
        /// How many frames of this log have their sums written.
        var summed = 0
        /// How many frames it has.
        var frames = 0

        /// Takes the log for the one that it was before, so that another is met anew. How many records were written, and
        /// that sums are lost, stays true.
        mutating func putBack(_ before: State) {
            let (number, areSumsLost) = (record.number, record.areSumsLost)
            record = before.record
            (record.number, record.areSumsLost) = (number, areSumsLost)
            (summed, frames) = (before.summed, before.frames)
        }
    }

    /// What is known of the log, for who may not wait for the disk as the writer does.
    private struct Figures: ~Copyable {
        let frames = Atomic<Int>(0)
        let summed = Atomic<Int>(0)
        let areSumsFailing = Atomic<Bool>(false)
        /// Whether frames of the log were found that are not what was written.
        let isOverwritten = Atomic<Bool>(false)

        func take(_ state: borrowing State) {
            frames.store(state.frames, ordering: .releasing)
            summed.store(state.summed, ordering: .releasing)
        }
    }

    private let places: StatePlaces
    /// The folder's name for itself.
    let identity: UInt32
    private let witness: WitnessFile
    private let sums: PageSums
    private let state: Mutex<State>
    private let figures = Figures()
    /// The frames of the log after a commit that was not noted yet; 0 where all are.
    private let committed = Atomic<Int>(0)

    /// The frames that the log can't be without: none once all are in the database, until the next commit.
    private let needed = Atomic<Int>(0)

    /// Makes what is not there yet.
    init(_ places: StatePlaces, _ whole: FolderCheck.Whole, isFlushed: Bool) throws(StateError) {
        self.places = places
        // The witness first: one without a number says that nothing was whole yet, and sums alone that something is lacking.
        witness = try WitnessFile(path: places.witness, from: whole.witness)
        var head = whole.head
        if head.identity == 0 { head.identity = UInt32.random(in: 1 ... .max) }
        if let entries = whole.sums { try PageSums.write(entries, head, to: places.sums) }
        sums = try PageSums(path: places.sums, PageSums.read(places.sums))
        var record = WitnessRecord()
        if case .record(let last, _) = whole.witness { record = last }
        // With the machine a note can have been lost whose transaction was not.
        if WitnessRecord.isBefore(record.sequence, head.sequence) { record.sequence = head.sequence }
        record.identity = head.identity
        identity = head.identity
        record.isFlushed = isFlushed
        record.isClosed = false
        record.areSumsLost = false
        record.boot = WorkFile.boot ?? record.boot
        // What is empty is begun anew with salts by chance.
        var status = stat()
        if stat(places.log, &status) != 0 || status.st_size == 0 { record.frames = 0 }
        // From here on a log that is not empty is this process's.
        record.number += 1
        if let code = witness.write(record) {
            throw .unusable(path: places.witness, reason: String(cString: strerror(code)))
        }
        state = Mutex(State(record: record, written: record))
    }

    /// Notes each commit of a connection, which must not outlast this, before the next can begin.
    func watch(_ db: Database) {
        let itself = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_wal_hook(
            db.sqliteConnection,
            { context, _, _, frames in
                guard let context else { return SQLITE_OK }
                // Sound: the keeper is the database's, and closes after it.
                let keeper = Unmanaged<LogKeeper>.fromOpaque(context).takeUnretainedValue()
                keeper.committed.store(Int(frames), ordering: .releasing)
                // What is committed stands. Where it can't be noted, the next transaction is what fails.
                try? keeper.note()
                return SQLITE_OK
            }, itself)
    }

    /// What the next transaction makes of the database's number.
    var next: UInt32 {
        state.withLock { state in
            let next = state.record.sequence &+ 1
            return next == 0 ? 1 : next
        }
    }

    /// The transaction that is about to be committed makes the database's number this, nil where it stays as it was.
    func expect(_ sequence: UInt32?) { state.withLock { $0.unnoted = sequence } }

    /// Takes the number that a database has which is just opened.
    func begin(at sequence: UInt32) { state.withLock { $0.record.sequence = sequence } }

    /// Writes down how far the log is, if anything was committed since the last time. Until that is done nothing more may be
    /// committed.
    func note() throws {
        let frames = committed.load(ordering: .acquiring)
        guard frames > 0 else { return }
        let problem: (path: String, code: Int32)? = state.withLock { state in
            if state.log < 0 { state.log = open(places.log, O_RDONLY | O_CLOEXEC) }
            let step = LogScan.frameHeadBytes + StoreDatabase.pageSize
            guard let frame = read(state.log, LogScan.frameHeadBytes, at: LogScan.headBytes + (frames - 1) * step),
                let head = frame.withUnsafeBytes({ LogScan.FrameHead($0) }) as LogScan.FrameHead?
            else { return (places.log, errno == 0 ? EIO : errno) }
            // Nothing is taken for known before it is written.
            var (record, summed) = (state.record, state.summed)
            if head.salts != state.record.salts || state.frames > frames || state.frames == 0 {
                guard let first = read(state.log, LogScan.headBytes, at: 0) else {
                    return (places.log, errno == 0 ? EIO : errno)
                }
                record.head = first
                if summed < state.frames { record.areSumsLost = true }
                summed = 0
            } else if !hasLastFrame(state) {
                // The log was cut short after the writer had looked, and there is a hole in front of what it wrote.
                figures.isOverwritten.store(true, ordering: .releasing)
                return (places.log, EIO)
            }
            record.number += 1
            record.sequence = state.unnoted ?? record.sequence
            record.salts = head.salts
            record.frames = UInt32(frames)
            record.sum = head.sum
            if let code = witness.write(record) { return (places.witness, code) }
            (state.record, state.written) = (record, record)
            (state.summed, state.frames) = (summed, frames)
            state.unnoted = nil
            needed.store(frames, ordering: .releasing)
            figures.take(state)
            return nil
        }
        if let logChange { throw StoreFault.refused(.unavailable(logChange)) }
        if let problem {
            let reason = String(cString: strerror(problem.code))
            if problem.code == ENOSPC || problem.code == EDQUOT {
                throw StoreFault.diskFull("\(problem.path): \(reason)")
            }
            let what = problem.path == places.log ? "read" : "written"
            throw StoreFault.refused(.unavailable("\(problem.path) can't be \(what): \(reason)"))
        }
        committed.store(0, ordering: .releasing)
    }

    /// Whether the frame that was noted last stands where it was.
    private func hasLastFrame(_ state: borrowing State) -> Bool {
        guard state.record.frames > 0 else { return true }
        let step = LogScan.frameHeadBytes + StoreDatabase.pageSize
        let place = LogScan.headBytes + (Int(state.record.frames) - 1) * step
        guard let bytes = read(state.log, LogScan.frameHeadBytes, at: place) else { return false }
        return bytes.withUnsafeBytes { bytes in
            let head = LogScan.FrameHead(bytes)
            return head.salts == state.record.salts && head.sum == state.record.sum
        }
    }

    /// How many bytes the log has at least while nobody but the writer writes to it or cuts it short.
    var leastLogBytes: Int {
        let frames = max(needed.load(ordering: .acquiring), committed.load(ordering: .acquiring))
        return Self.bytes(of: frames)
    }

    /// The bytes of the log up to the last commit, with the heads of its frames.
    var logBytes: Int { Self.bytes(of: figures.frames.load(ordering: .acquiring)) }

    private static func bytes(of frames: Int) -> Int {
        frames > 0 ? LogScan.headBytes + frames * (LogScan.frameHeadBytes + StoreDatabase.pageSize) : 0
    }

    /// Whether the witness says what was written to it last. Nobody waits for that: while it is written to, it is as good
    /// as right.
    var isWitnessRight: Bool { state.withLockIfAvailable { witness.has($0.written) } ?? true }

    /// Whether the sums begin as they should, or are what was written in each of their bytes; not to be asked while they are
    /// being written.
    func areSumsRight(all: Bool) -> Bool { all ? sums.isWhole : sums.hasHead }

    /// The bytes of the log up to the last commit, and those of them that are not in the database for sure.
    var bytes: (all: Int, unsummed: Int) {
        let (frames, summed) = (figures.frames.load(ordering: .acquiring), figures.summed.load(ordering: .acquiring))
        return (frames * StoreDatabase.pageSize, (frames - summed) * StoreDatabase.pageSize)
    }

    /// Writes the sums of all pages in the log; says whether they are on the disk, before which nothing may be brought into
    /// the database.
    ///
    /// - Parameter frames: how many SQLite says there are, nil for those that were noted
    func sum(upTo frames: Int? = nil) -> Bool {
        guard committed.load(ordering: .acquiring) == 0 else { return false }
        return state.withLock { state in
            let before = state
            let isOnDisk = sum(upTo: frames, &state)
            if !isOnDisk {
                state.putBack(before)
                // They are there, and may be in the database: a log that is begun anew takes their sums with it.
                state.frames = max(state.frames, frames ?? 0)
            }
            figures.take(state)
            return isOnDisk
        }
    }

    private func sum(upTo frames: Int?, _ state: inout State) -> Bool {
        let others = (frames ?? state.frames) > 0 ? takeOn(&state) : nil
        let end = frames ?? others ?? state.frames
        guard state.summed < end else { return others == nil || noteOthers(0, 0, &state) }
        let found = read(state.summed..<end, of: state.log, after: state.record.head)
        if case .overwritten = found { figures.isOverwritten.store(true, ordering: .releasing) }
        guard case .sums(let entries, let size, let sum) = found,
            // Where commits are not flushed a loss of power would else leave sums of pages that nobody has.
            state.record.isFlushed || fdatasync(state.log) == 0, others == nil || noteOthers(end, sum, &state),
            // So that on the disk too no page is of a transaction that the witness does not know.
            witness.flush(),
            sums.update(
                entries,
                SumsHead(
                    identity: identity, sequence: state.record.sequence, salts: state.record.salts,
                    frames: UInt32(end)), size: size)
        else {
            figures.areSumsFailing.store(true, ordering: .releasing)
            return false
        }
        figures.areSumsFailing.store(false, ordering: .releasing)
        (state.summed, state.frames) = (end, max(state.frames, end))
        return true
    }

    /// Looks whether the log is another one than was noted: somebody else had brought all of that in, and began it anew. Then
    /// none of it has its sums written, and some of its pages may be in the database already.
    ///
    /// Whoever takes it on puts it back where that can't be written.
    ///
    /// - Returns: how many frames it has; nil where it is not another
    private func takeOn(_ state: inout State) -> Int? {
        guard let (head, index) = othersLog(&state) else { return nil }
        state.record.head = head
        state.record.salts = index.salts
        state.record.areSumsLost = true
        (state.summed, state.frames) = (0, 0)
        return index.frames
    }

    /// The log's first bytes and what connections share of it, where it is another one than was noted for all of them; nil where
    /// it is not. An older log in its place is another for nobody.
    private func othersLog(_ state: inout State) -> (head: [UInt8], index: LogIndex)? {
        if state.log < 0 { state.log = open(places.log, O_RDONLY | O_CLOEXEC) }
        if state.index < 0 { state.index = open(places.index, O_RDONLY | O_CLOEXEC) }
        guard let head = read(state.log, LogScan.headBytes, at: 0),
            head.withUnsafeBytes({ LogScan.isHead($0, pageSize: StoreDatabase.pageSize) })
        else { return nil }
        let salts = head.withUnsafeBytes { $0.longNumber(at: 16) }
        guard salts != state.record.salts, let index = LogIndex(descriptor: state.index), index.salts == salts else {
            return nil
        }
        return (head, index)
    }

    /// Notes how far the log is that somebody else began.
    private func noteOthers(_ frames: Int, _ sum: UInt64, _ state: inout State) -> Bool {
        var record = state.record
        // What fails is tried again in its own place: the other one may be the only record that is whole.
        record.number += 1
        record.frames = UInt32(frames)
        record.sum = sum
        guard witness.write(record) == nil else { return false }
        (state.record, state.written) = (record, record)
        needed.store(frames, ordering: .releasing)
        return true
    }

    /// Says whether the log is another one than was noted, as it is where somebody else has brought all of that in; the writer
    /// must not be at work. What was noted of it can't be missing then.
    func hasBeenBegunAnew() -> Bool {
        let isAnother = state.withLock { othersLog(&$0) != nil }
        if isAnother { broughtIn() }
        return isAnother
    }

    /// Somebody else has brought all of the log into the database, and emptied it: what of it had no sums yet has none that
    /// count, and nothing of it can be missing.
    func emptiedByOthers() {
        state.withLock { state in
            guard state.frames > 0 else { return }
            if state.summed < state.frames { state.record.areSumsLost = true }
            guard noteOthers(0, 0, &state) else { return }
            (state.summed, state.frames) = (0, 0)
            figures.take(state)
        }
    }

    /// What others have done to the frames of the log, so that it must not be brought in; nil where nothing was found.
    var logChange: String? {
        figures.isOverwritten.load(ordering: .acquiring) ? "\(places.log) was overwritten while the service ran" : nil
    }

    /// Whether the last try to write sums failed.
    var areSumsFailing: Bool { figures.areSumsFailing.load(ordering: .acquiring) }

    /// The log was emptied: the next transaction begins it anew.
    func emptied() {
        state.withLock { state in
            state.summed = 0
            state.frames = 0
            figures.take(state)
        }
        broughtIn()
    }

    /// All of the log is in the database: the next transaction may begin it anew, and make the file shorter.
    func broughtIn() { needed.store(0, ordering: .releasing) }

    /// The database is closed, with all of the log in it if it went well.
    func close(inOrder: Bool) {
        state.withLock { state in
            // No connection has them open any more.
            for descriptor in [state.log, state.index] where descriptor >= 0 { closeDescriptor(descriptor) }
            (state.log, state.index) = (-1, -1)
            guard inOrder else { return }
            state.record.number += 1
            state.record.isClosed = true
            state.record.frames = 0
            _ = witness.write(state.record)
            witness.flush()
            // SQLite has removed its log. An empty one says that nobody else has had the database.
            closeDescriptor(open(places.log, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
        }
    }

    deinit {
        sums.close()
        witness.close()
    }
}
