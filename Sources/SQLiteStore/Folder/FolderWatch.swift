import Platform
import Synchronization

/// Holds what a process has open against what stands at its paths.
///
/// A file that was removed or replaced is still there for who has it open: writing to it succeeds, and all is gone when
/// the process ends. So the writer looks before it commits, and soon nothing is accepted any more in a folder that is
/// not the one at its path any more. A look at all files is nine calls of `stat` and two short reads, so those come a tenth of a second apart;
/// in between it is one call that shows whether the log was cut short.
final class FolderWatch: Sendable {
    private struct State {
        /// By the places; empty until the files are there.
        var noted: [FileMark?] = []
        /// A descriptor of the log that is written to, -1 where there is none.
        var log: Int32 = -1
        var lookedAt = ContinuousClock.now
        /// What the last look found.
        var change: String?
        /// Whether the log is being brought into the database: log, database and sums can become smaller by that.
        var isBringingIn = false
    }

    private static let pause = Duration.milliseconds(100)

    private let keeper: LogKeeper
    /// By the places.
    private let paths: [String]
    private let state = Mutex(State())
    /// What the last look found, for who may not wait for one that is going on; nil until there was one.
    private let last = Mutex<(at: ContinuousClock.Instant, isFine: Bool)?>(nil)

    init(places: StatePlaces, keeper: LogKeeper) {
        self.keeper = keeper
        paths = Place.allCases.map { Self.path($0, places) }
    }

    deinit { state.withLock { if $0.log >= 0 { closeDescriptor($0.log) } } }

    /// What is watched.
    private enum Place: Int, CaseIterable {
        case folder, lock, database, log, index, witness, sums, files
    }

    private static func path(_ place: Place, _ places: StatePlaces) -> String {
        switch place {
        case .folder: places.folder
        case .lock: places.lock
        case .database: places.database
        case .log: places.log
        case .index: places.index
        case .witness: places.witness
        case .sums: places.sums
        case .files: places.files
        }
    }

    private func path(_ place: Place) -> String { paths[place.rawValue] }

    /// Takes what stands there for what this process has open.
    func begin() {
        let marks = paths.map { FileMark(path: $0) }
        let log = open(path(.log), O_RDONLY | O_CLOEXEC)
        state.withLock { state in
            if state.log >= 0 { closeDescriptor(state.log) }
            state.log = log
            state.noted = marks
        }
    }

    /// The log is about to be brought in, until ``hasBroughtIn()``.
    func willBringIn() { state.withLock { $0.isBringingIn = true } }

    /// Takes what database and sums are now for known.
    func hasBroughtIn() {
        state.withLock { state in
            state.isBringingIn = false
            guard !state.noted.isEmpty else { return }
            for place in [Place.database, .sums] {
                guard let found = FileMark(path: path(place)), found.isSameFile(as: state.noted[place.rawValue]) else {
                    continue
                }
                state.noted[place.rawValue] = found
            }
        }
    }

    /// What was done to the folder by others; nil where nothing was.
    ///
    /// - Parameters:
    ///   - now: whether to look even if that was done a moment ago
    ///   - isExplained: whether there is a reason why the log is shorter than what was noted of it, as there is where others have
    ///     brought it into the database
    func change(now: Bool = false, isExplained: () -> Bool = { false }) -> String? {
        state.withLock { state in
            guard !state.noted.isEmpty else { return nil }
            defer { last.withLock { [state] in $0 = (at: state.lookedAt, isFine: state.change == nil) } }
            let time = ContinuousClock.now
            if now || state.change != nil || time - state.lookedAt >= Self.pause {
                state.lookedAt = time
                state.change = look(state, Place.allCases, isExplained) ?? overwritten(&state)
            } else if !state.isBringingIn, !isLogThere(state) {
                // What was cut short has to be seen before it is written behind it.
                state.change = look(state, [.log], isExplained)
            }
            return state.change
        }
    }

    /// Whether the log that this process writes to is there and has all that was committed to it, by one call on its
    /// descriptor.
    private func isLogThere(_ state: State) -> Bool {
        let least = keeper.leastLogBytes
        guard let known = state.noted[Place.log.rawValue], let found = FileMark(descriptor: state.log) else {
            return false
        }
        return found.isSameFile(as: known) && found.bytes >= least
    }

    /// Whether the last look found nothing and was a moment ago.
    var isFineJustNow: Bool {
        last.withLock { last in last.map { $0.isFine && ContinuousClock.now - $0.at < Self.pause } ?? false }
    }

    private func look(_ state: State, _ places: [Place], _ isExplained: () -> Bool) -> String? {
        for place in places {
            guard let known = state.noted[place.rawValue] else { continue }
            let path = path(place)
            // Before the file is looked at, which the writer may make longer meanwhile.
            let least = leastBytes(of: place, state, known)
            guard let found = FileMark(path: path) else {
                // Whatever keeps it from being looked at, it is not that it is gone.
                guard errno == ENOENT || errno == ENOTDIR || errno == ESTALE else { continue }
                return "\(path) was removed while the service ran"
            }
            guard found.isSameFile(as: known) else { return "\(path) was replaced while the service ran" }
            guard found.bytes < least else { continue }
            if place == .log, isExplained() { continue }
            return "\(path) was truncated while the service ran"
        }
        return nil
    }

    /// Below what size a file has lost something.
    private func leastBytes(of place: Place, _ state: State, _ known: FileMark) -> Int {
        switch place {
        case .witness: known.bytes
        case .log: state.isBringingIn ? 0 : keeper.leastLogBytes
        case .database, .sums: state.isBringingIn ? 0 : known.bytes
        case .folder, .lock, .index, .files: 0
        }
    }

    /// What bears witness of the database and has not what was written to it; nil where all has. The sums of all pages are
    /// read only where somebody else has written to them since they were.
    private func overwritten(_ state: inout State) -> String? {
        if !keeper.isWitnessRight { return "\(path(.witness)) was overwritten while the service ran" }
        guard !state.isBringingIn, let known = state.noted[Place.sums.rawValue] else { return nil }
        let found = FileMark(path: path(.sums))
        let isTouched = found?.modified != known.modified
        guard keeper.areSumsRight(all: isTouched) else {
            return "\(path(.sums)) was overwritten while the service ran"
        }
        if isTouched, let found { state.noted[Place.sums.rawValue] = found }
        return nil
    }
}

/// What tells a file from another at the same path, and from itself before it was written to.
struct FileMark: Sendable {
    let device: UInt64
    let inode: UInt64
    let bytes: Int
    /// In nanoseconds, by the clock of the file system.
    let modified: Int64

    /// Of what stands at a path; nil, with `errno`, where nothing does.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    /// Of a file that is open and was not removed; nil where it is none.
    init?(descriptor: Int32) {
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0, status.st_nlink > 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        bytes = Int(status.st_size)
        modified = Int64(status.modifiedNanoseconds)
    }

    func isSameFile(as other: FileMark?) -> Bool { device == other?.device && inode == other?.inode }
}

/// A moment by the time of day, no earlier than the stamp of any file that was written before it.
struct FileTime: Sendable, Comparable {
    let nanoseconds: Int64

    static func < (left: FileTime, right: FileTime) -> Bool { left.nanoseconds < right.nanoseconds }

    static var now: FileTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return FileTime(nanoseconds: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }
}
