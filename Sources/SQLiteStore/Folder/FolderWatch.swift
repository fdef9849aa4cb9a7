import Platform
import Synchronization

/// Holds what a process has open against what stands at its paths.
///
/// A file that was removed or replaced is still there for who has it open: writing to it succeeds, and all is gone when
/// the process ends. So the writer looks before it commits, and soon nothing is accepted any more in a folder that is
/// not the one at its path any more. A look at all files is eight calls of `stat`, so those come a tenth of a second apart;
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
        /// Whether the log is being brought into the database, which can become smaller by that.
        var isBringingIn = false
        /// Whether the log was found to be shorter than it was.
        var isLogCut = false
    }

    private static let pause = Duration.milliseconds(100)

    /// By the places.
    private let paths: [String]
    private let state = Mutex(State())

    init(places: StatePlaces) { paths = Place.allCases.map { Self.path($0, places) } }

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

    /// The log is about to be brought in, until that is noted.
    func willBringIn() { state.withLock { $0.isBringingIn = true } }

    /// Takes the size that this process has just given the log for known, and that of the database where it has brought the
    /// log in.
    func noteOwnWriting(broughtIn: Bool = false) {
        state.withLock { state in
            if broughtIn { state.isBringingIn = false }
            guard !state.noted.isEmpty else { return }
            if !broughtIn, let log = FileMark(descriptor: state.log) {
                if log.isSameFile(as: state.noted[Place.log.rawValue]) { state.noted[Place.log.rawValue] = log }
                return
            }
            for place in broughtIn ? [Place.log, .database, .sums] : [.log] {
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
    ///   - wrote: whether this process may have written to the log since that was noted
    ///   - isEmptied: whether SQLite says that a log that is empty was brought into the database, as others can do with it
    func change(now: Bool = false, wrote: Bool = false, isEmptied: () -> Bool = { false }) -> String? {
        state.withLock { state in
            guard !state.noted.isEmpty else { return nil }
            let time = ContinuousClock.now
            if now || state.change != nil || time - state.lookedAt >= Self.pause {
                state.lookedAt = time
                var growing: Set<Place> = wrote ? [.witness] : [.log, .witness]
                // What this process writes to the log makes it longer, but where it is brought in.
                if !state.isBringingIn { growing.formUnion([.database, .log, .sums]) }
                let found = look(state.noted, Place.allCases, growing: growing) { wrote || isEmptied() }
                // A log that was cut short is so until it is as long again, though it is not held to its length where this
                // process may have written to it.
                let isCut = wrote && state.isLogCut && !isLogAsNoted(state.noted[Place.log.rawValue], state.log)
                state.isLogCut =
                    isCut
                    || found != nil && !wrote
                        && !isLogAsNoted(state.noted[Place.log.rawValue], state.log)
                state.change = found ?? (isCut ? state.change : nil)
            } else if !wrote, !isLogAsNoted(state.noted[Place.log.rawValue], state.log) {
                // What was cut short has to be seen before it is written behind it.
                state.change = look(state.noted, [.log], growing: [.log], isEmptied)
                state.isLogCut = state.change != nil
            }
            return state.change
        }
    }

    /// Whether the log that this process writes to is there and no shorter than it was, by one call on its descriptor.
    private func isLogAsNoted(_ known: FileMark?, _ log: Int32) -> Bool {
        guard let known, let found = FileMark(descriptor: log) else { return false }
        return found.isSameFile(as: known) && found.bytes >= known.bytes
    }

    /// Whether the last look found nothing and was a moment ago.
    var isFineJustNow: Bool {
        state.withLock { state in
            state.noted.isEmpty || state.change == nil && ContinuousClock.now - state.lookedAt < Self.pause
        }
    }

    /// - Parameter growing: what can't have become smaller
    private func look(
        _ noted: [FileMark?], _ places: [Place], growing: Set<Place>, _ isEmptied: () -> Bool
    ) -> String? {
        for place in places {
            guard let known = noted[place.rawValue] else { continue }
            let path = path(place)
            guard let found = FileMark(path: path) else {
                // Whatever keeps it from being looked at, it is not that it is gone.
                guard errno == ENOENT || errno == ENOTDIR || errno == ESTALE else { continue }
                return "\(path) was removed while the service ran"
            }
            guard found.isSameFile(as: known) else { return "\(path) was replaced while the service ran" }
            guard growing.contains(place), found.bytes < known.bytes else { continue }
            if place == .log, found.bytes == 0, isEmptied() { continue }
            return "\(path) was truncated while the service ran"
        }
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
        modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
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
