import Platform

/// Keeps an audit log: a line for each thing that was done, each chained to the one before, in a file that goes on over
/// restarts and rotations.
///
/// Lines are written by a thread of its own, as many at once as there are, and whoever adds one is told once it is in the
/// file, and on the disk where that is asked for, or that this fails, which a disk that does not answer does too. What can't
/// be written is kept and tried again, so that the log has no gap once it can be; beyond what may wait, a line says how much is missing.
public final class AuditLog: Sendable {
    /// When lines are on the disk.
    public enum Syncing: String, Sendable, CaseIterable {
        /// Before an answer says that it was done.
        case always
        /// Within a second; until then a loss of power may take them.
        case second
    }

    /// Numbers since the start.
    public struct Statistics: Sendable, Equatable {
        /// Lines that were written.
        public var lines = 0
        /// Times that writing failed.
        public var failures = 0
        /// Things that were done and will not be in the log.
        public var missing = 0
        /// Whether it can't be written now.
        public var isFailing = false

        /// Nothing has happened.
        public init() {}
    }

    /// What the server's log may be told.
    public enum Event: Sendable, Equatable {
        /// A line that was not written whole was cut off: so many bytes.
        case torn(Int)
        /// Lines up to this number are not there as the witness knows them.
        case lost(upTo: Int)
        /// Nothing that could be read vouches for the lines that are there.
        case unwitnessed
        /// So many things that were done before it began are not in it, as they could not be written.
        case missing(Int)
        /// It can't be written.
        case failing(AuditError)
        /// It can be written again.
        case recovered
        /// The file at the path can't take its place.
        case kept(AuditError)
        /// It goes on in a new file, after so many lines.
        case reopened(after: Int)
    }

    struct Waiting {
        let entries: [AuditEntry]
        let time: String
        /// Who waits for them, until it is told.
        var done: (@Sendable (Bool) -> Void)?

        /// Whether it says that this is all.
        var isStop: Bool { entries.first?.action == .stop }
    }

    struct State {
        var waiting: [Waiting] = []
        var waitingCount = 0
        /// Who waits for the lines that are being written.
        var awaited: [@Sendable (Bool) -> Void] = []
        var missing = 0
        var statistics = Statistics()
        /// Since when the thread is at the disk; nil while it is not.
        var busySince: MonotonicTime?
        /// Whether the disk has not answered for so long that it counts as failing.
        var isBlocked = false
        /// Whether somebody looks whether it is.
        var isWatched = false
        var mustReopen = false
        /// Whether files that were made for this start are to go again.
        var isWithdrawn = false
        var isEnding = false
        var hasEnded = false
    }

    private static let mostWaiting = 100_000
    private static let stackBytes = 512 << 10
    static let pause = Duration.seconds(1)
    /// How long the disk may be at something before nobody waits for it any more.
    public static let patience = Duration.seconds(10)

    let path: String
    /// What the lines before this start tell of jobs.
    public let tail: AuditTail
    let syncing: Syncing
    let now: @Sendable () -> String
    let report: @Sendable (Event) -> Void
    let state = Monitor(State())
    private let patience: Duration

    /// Opens the log and goes on where it ended; the first line says so.
    ///
    /// - Parameters:
    ///   - path: the file
    ///   - syncing: when lines are put on the disk
    ///   - version: the program's
    ///   - now: the time as lines tell it
    ///   - report: told what an operator may want to know, on the log's thread
    public convenience init(
        path: String, syncing: Syncing, version: String, now: @escaping @Sendable () -> String,
        report: @escaping @Sendable (Event) -> Void
    ) throws(AuditError) {
        try self.init(
            path: path, syncing: syncing, version: version, now: now, patience: Self.patience, report: report,
            write: AuditFile.systemWrite)
    }

    init(
        path: String, syncing: Syncing, version: String, now: @escaping @Sendable () -> String,
        patience: Duration = AuditLog.patience, cut: @escaping AuditFile.Cut = AuditFile.systemCut,
        report: @escaping @Sendable (Event) -> Void, write: @escaping AuditFile.Write
    ) throws(AuditError) {
        self.path = path
        self.patience = patience
        self.syncing = syncing
        self.now = now
        self.report = report
        var file = try AuditFile(path, cut: cut, write: write)
        tail = file.tail()
        let place = try Self.begin(&file, version: version, now: now, report)
        state.withLock { $0.statistics.lines = 1 }
        let box = FileBox(file, place)
        let code = OwnThread.run(name: "vigil-audit", stackBytes: Self.stackBytes) { [self] in run(box) }
        guard code == 0 else { throw .failed(operation: "start a thread for", path: path, reason: errnoText(code)) }
    }

    /// Writes the first line, and what is to be told of those before.
    private static func begin(
        _ file: inout AuditFile, version: String, now: () -> String, _ report: (Event) -> Void
    ) throws(AuditError) -> AuditPlace {
        var start = AuditEntry(.start)
        start.version = version
        var place = file.last ?? file.witness?.place ?? .beginning
        if file.torn > 0 { report(.torn(file.torn)) }
        if !file.isAsWitnessed, let witness = file.witness {
            start.lostUpTo = witness.place.number
            report(.lost(upTo: witness.place.number))
        } else if file.last != nil, file.witness == nil {
            start.isUnwitnessed = true
            report(.unwitnessed)
        }
        let missing = file.witness?.missing(at: place.number) ?? 0
        var lines = AuditLine.next(start, at: now(), after: &place)
        if missing > 0 {
            var gap = AuditEntry(.gap)
            gap.count = missing
            lines += AuditLine.next(gap, at: now(), after: &place)
            report(.missing(missing))
        }
        try file.add(lines)
        try file.flush()
        try file.note(place, isFlushed: true)
        return place
    }

    /// Numbers since the start.
    public var statistics: Statistics {
        state.withLock { state in
            var statistics = state.statistics
            statistics.isFailing = state.isFailing
            return statistics
        }
    }

    /// Whether it can't be written now, as far as is known.
    public var isFailing: Bool { state.withLock { $0.isFailing } }

    /// Adds lines, in order and with nothing between them.
    ///
    /// - Returns: true once they are written; false as soon as that fails or the disk does not answer, or while it is so,
    ///   and then they are written when they can be
    public func add(_ entries: [AuditEntry]) async -> Bool {
        guard !entries.isEmpty else { return true }
        return await withCheckedContinuation { continuation in
            let isAwaited = put(Waiting(entries: entries, time: now()) { continuation.resume(returning: $0) })
            if !isAwaited { continuation.resume(returning: false) }
        }
    }

    /// Adds lines that nobody waits for.
    public func note(_ entries: [AuditEntry]) {
        guard !entries.isEmpty else { return }
        _ = put(Waiting(entries: entries, time: now(), done: nil))
    }

    /// Goes on in the file that is at the path then, for when another program has moved the old one away.
    public func reopen() {
        state.withLock { $0.mustReopen = true }
        state.wakeAll()
    }

    /// Writes what waits and a last line that says that this is all; or gives up when the time is over.
    public func finish(within time: Duration) async {
        let deadline = Deadline(in: time)
        let last = Waiting(entries: [AuditEntry(.stop)], time: now(), done: nil)
        // However much waits: it is what tells that all was said.
        state.withLock { state in
            guard !state.isEnding else { return }
            state.waiting.append(last)
            state.isEnding = true
        }
        state.wakeAll()
        while !state.withLock({ $0.hasEnded }), deadline.milliseconds > 0 {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// As `finish`, for a server that can't begin: where its start is all that is in them, no files are left that were not there.
    public func withdraw(within time: Duration) async {
        state.withLock { $0.isWithdrawn = true }
        await finish(within: time)
    }

    /// - Returns: whether who waits for it will be told
    private func put(_ waiting: Waiting) -> Bool {
        let (isAwaited, mustWatch) = state.withLock { state in
            guard !state.hasEnded else { return (false, false) }
            guard state.waitingCount + waiting.entries.count <= Self.mostWaiting else {
                state.missing += waiting.entries.count
                state.statistics.missing += waiting.entries.count
                return (false, false)
            }
            state.waiting.append(waiting)
            state.waitingCount += waiting.entries.count
            guard state.isFailing else {
                defer { state.isWatched = true }
                return (true, !state.isWatched)
            }
            // When it can be written again nobody knows.
            state.waiting[state.waiting.count - 1].done = nil
            return (false, false)
        }
        state.wakeAll()
        if mustWatch { Task { await watch() } }
        return isAwaited
    }

    /// Looks whether the disk answers, for as long as somebody waits for it: the thread can't tell while it is at the disk.
    private func watch() async {
        while true {
            let (next, given) = state.withLock { state in
                let now = MonotonicTime.now
                guard !state.awaited.isEmpty || state.waiting.contains(where: { $0.done != nil }) else {
                    state.isWatched = false
                    return (nil as Duration?, [] as [@Sendable (Bool) -> Void])
                }
                let late = (state.busySince ?? now) + patience
                guard now >= late else { return (late - now, []) }
                (state.isBlocked, state.isWatched) = (true, false)
                state.statistics.failures += 1
                return (nil, state.takeAwaited())
            }
            guard let next else {
                if !given.isEmpty { report(.failing(.blocked(path: path, time: patience))) }
                for done in given { done(false) }
                return
            }
            try? await Task.sleep(for: next)
        }
    }
}

extension AuditLog.State {
    var isFailing: Bool { statistics.isFailing || isBlocked }

    /// All who wait, none of whom will be told by another.
    mutating func takeAwaited() -> [@Sendable (Bool) -> Void] {
        let all = awaited + waiting.compactMap(\.done)
        awaited = []
        for index in waiting.indices { waiting[index].done = nil }
        return all
    }
}
