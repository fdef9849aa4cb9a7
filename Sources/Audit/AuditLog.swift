import Platform

/// Keeps an audit log: a line for each thing that was done, each chained to the one before, in a file that goes on over
/// restarts and rotations.
///
/// Lines are written by a thread of its own, as many at once as there are, and whoever adds one is told once it is in the
/// file, and on the disk where that is asked for. What can't be written is kept and tried again, so that the log has no gap
/// once it can be; beyond what may wait, a line says how much is missing.
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
    }

    /// What the server's log may be told.
    public enum Event: Sendable, Equatable {
        /// A line that was not written whole was cut off: so many bytes.
        case torn(Int)
        /// Lines up to this number are not there as the witness knows them.
        case lost(upTo: Int)
        /// It can't be written.
        case failing(AuditError)
        /// It can be written again.
        case recovered
        /// The file at the path can't take its place.
        case kept(AuditError)
        /// It goes on in a new file, after so many lines.
        case reopened(after: Int)
    }

    private struct Waiting {
        let entries: [AuditEntry]
        let time: String
        /// Who waits for them, until it is told.
        var done: (@Sendable (Bool) -> Void)?
    }

    private struct State {
        var waiting: [Waiting] = []
        var waitingCount = 0
        var missing = 0
        var statistics = Statistics()
        var mustReopen = false
        var isEnding = false
        var hasEnded = false
    }

    private static let mostWaiting = 100_000
    private static let stackBytes = 512 << 10
    private static let pause = Duration.seconds(1)

    private let path: String
    private let syncing: Syncing
    private let now: @Sendable () -> String
    private let report: @Sendable (Event) -> Void
    private let state = Monitor(State())

    /// Opens the log and goes on where it ended; the first line says so.
    ///
    /// - Parameters:
    ///   - version: the program's
    ///   - now: the time as lines tell it
    ///   - report: told what an operator may want to know, on the log's thread
    public convenience init(
        path: String, syncing: Syncing, version: String, now: @escaping @Sendable () -> String,
        report: @escaping @Sendable (Event) -> Void
    ) throws(AuditError) {
        try self.init(
            path: path, syncing: syncing, version: version, now: now, report: report, write: AuditFile.systemWrite)
    }

    init(
        path: String, syncing: Syncing, version: String, now: @escaping @Sendable () -> String,
        report: @escaping @Sendable (Event) -> Void, write: @escaping AuditFile.Write
    ) throws(AuditError) {
        self.path = path
        self.syncing = syncing
        self.now = now
        self.report = report
        var file = try AuditFile(path, write: write)
        var start = AuditEntry(.start)
        start.version = version
        var place = file.last ?? file.witness ?? .beginning
        if file.torn > 0 { report(.torn(file.torn)) }
        if let last = file.last, let witness = file.witness, witness.number >= last.number, witness != last {
            start.lostUpTo = witness.number
            report(.lost(upTo: witness.number))
        }
        let line = AuditLine.next(start, at: now(), after: &place)
        try file.add(line)
        try file.flush()
        try file.note(place, isFlushed: true)
        state.withLock { $0.statistics.lines = 1 }
        let box = FileBox(file, place)
        let code = OwnThread.run(name: "vigil-audit", stackBytes: Self.stackBytes) { [self] in run(box) }
        guard code == 0 else { throw .failed(operation: "start a thread for", path: path, reason: errnoText(code)) }
    }

    /// Numbers since the start.
    public var statistics: Statistics { state.withLock { $0.statistics } }

    /// Whether it can't be written now, as far as is known.
    public var isFailing: Bool { state.withLock { $0.statistics.isFailing } }

    /// Adds lines, in order and with nothing between them.
    ///
    /// - Returns: true once they are written; false as soon as that fails, or while it does, and then they are written when
    ///   they can be
    public func add(_ entries: [AuditEntry]) async -> Bool {
        guard !entries.isEmpty else { return true }
        return await withCheckedContinuation { continuation in
            let isAwaited = put(Waiting(entries: entries, time: now()) { continuation.resume(returning: $0) })
            if !isAwaited { continuation.resume(returning: false) }
        }
    }

    /// Goes on in the file that is at the path then, for when another program has moved the old one away.
    public func reopen() {
        state.withLock { $0.mustReopen = true }
        state.wakeAll()
    }

    /// Writes what waits and a last line that says that this is all; or gives up when the time is over.
    public func finish(within time: Duration) async {
        let deadline = Deadline(in: time)
        _ = put(Waiting(entries: [AuditEntry(.stop)], time: now(), done: nil))
        state.withLock { $0.isEnding = true }
        state.wakeAll()
        while !state.withLock({ $0.hasEnded }), deadline.milliseconds > 0 {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// - Returns: whether who waits for it will be told
    private func put(_ waiting: Waiting) -> Bool {
        let isAwaited = state.withLock { state in
            guard !state.hasEnded else { return false }
            guard state.waitingCount + waiting.entries.count <= Self.mostWaiting else {
                state.missing += waiting.entries.count
                state.statistics.missing += waiting.entries.count
                return false
            }
            state.waiting.append(waiting)
            state.waitingCount += waiting.entries.count
            guard state.statistics.isFailing else { return true }
            // When it can be written again nobody knows.
            state.waiting[state.waiting.count - 1].done = nil
            return false
        }
        state.wakeAll()
        return isAwaited
    }
}

/// The file on its way to the thread that has it from then on.
///
/// Sound as `@unchecked Sendable`: it is made on one thread, handed over once as that thread's argument, and touched by no
/// other afterwards.
private final class FileBox: @unchecked Sendable {
    var file: AuditFile
    /// What the lines in the file have come to.
    var place: AuditPlace

    init(_ file: consuming AuditFile, _ place: AuditPlace) {
        self.file = file
        self.place = place
    }

    /// Takes another file in the place of this one.
    func replace(by other: consuming AuditFile) { file = other }
}

extension AuditLog {
    private enum Work {
        case write([Waiting], missing: Int)
        case reopen
        case flush
        case end
    }

    private func run(_ box: FileBox) {
        var unflushed = false
        while true {
            switch next(unflushed: unflushed) {
            case .write(let waiting, let missing):
                unflushed = write(waiting, missing: missing, box) || unflushed
            case .reopen: reopen(box)
            case .flush:
                unflushed = !flush(box)
            case .end:
                _ = flush(box)
                // Whoever waits for the end may begin with the log at once.
                box.file.release()
                state.withLock { $0.hasEnded = true }
                return
            }
        }
    }

    /// Blocks until there is something to do; with lines that are not on the disk for a second at most.
    private func next(unflushed: Bool) -> Work {
        func find(_ state: inout State) -> Work? {
            if state.mustReopen {
                state.mustReopen = false
                return .reopen
            }
            if !state.waiting.isEmpty {
                defer { (state.waiting, state.waitingCount, state.missing) = ([], 0, 0) }
                return .write(state.waiting, missing: state.missing)
            }
            return state.isEnding ? .end : nil
        }
        guard unflushed else { return state.wait(for: find) }
        return state.wait(until: Deadline(in: Self.pause), for: find) ?? .flush
    }

    /// Writes lines, again and again until they are written or the program ends; whoever waits for them hears of the first
    /// try.
    ///
    /// - Returns: whether lines are left that are not on the disk
    private func write(_ waiting: [Waiting], missing: Int, _ box: FileBox) -> Bool {
        var place = box.place
        var lines: [UInt8] = []
        var count = 0
        for one in waiting {
            for entry in one.entries { lines += AuditLine.next(entry, at: one.time, after: &place) }
            count += one.entries.count
        }
        if missing > 0 {
            var gap = AuditEntry(.gap)
            gap.count = missing
            lines += AuditLine.next(gap, at: now(), after: &place)
            count += 1
        }
        var told = false
        while true {
            do throws(AuditError) {
                try box.file.add(lines)
                box.place = place
                if syncing == .always { try box.file.flush() }
                try box.file.note(place, isFlushed: false)
                succeed(count)
                if !told { for one in waiting { one.done?(true) } }
                return syncing == .second
            } catch {
                fail(error)
                if !told { for one in waiting { one.done?(false) } }
                told = true
                if box.place == place { return true }
                if state.withLock({ $0.isEnding }) { return false }
                // Another file may be what helps.
                let mustReopen = state.wait(until: Deadline(in: Self.pause)) { state in
                    defer { state.mustReopen = false }
                    return state.mustReopen ? true : state.isEnding ? false : nil
                }
                if mustReopen == true { reopen(box) }
            }
        }
    }

    private func flush(_ box: FileBox) -> Bool {
        do throws(AuditError) {
            try box.file.flush()
            try box.file.note(box.place, isFlushed: true)
            succeed(0)
            return true
        } catch {
            fail(error)
            return false
        }
    }

    private func reopen(_ box: FileBox) {
        guard !box.file.isInPlace else { return }
        _ = flush(box)
        do throws(AuditError) {
            let file = try AuditFile(inPlaceOf: box.file)
            guard file.last == nil else {
                throw .unsuitable(path: path, reason: "has lines already, expected an empty file to go on in")
            }
            box.replace(by: file)
            report(.reopened(after: box.place.number))
            _ = flush(box)
        } catch {
            report(.kept(error))
        }
    }

    private func succeed(_ count: Int) {
        let wasFailing = state.withLock { state in
            state.statistics.lines += count
            defer { state.statistics.isFailing = false }
            return state.statistics.isFailing
        }
        if wasFailing { report(.recovered) }
    }

    private func fail(_ error: AuditError) {
        let (wasFailing, awaited) = state.withLock { state in
            state.statistics.failures += 1
            let awaited = state.waiting.compactMap(\.done)
            for index in state.waiting.indices { state.waiting[index].done = nil }
            defer { state.statistics.isFailing = true }
            return (state.statistics.isFailing, awaited)
        }
        for done in awaited { done(false) }
        if !wasFailing { report(.failing(error)) }
    }
}
