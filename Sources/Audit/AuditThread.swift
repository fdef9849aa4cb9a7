import Platform

/// The file on its way to the thread that has it from then on.
///
/// Sound as `@unchecked Sendable`: it is made on one thread, handed over once as that thread's argument, and touched by no
/// other afterwards.
final class FileBox: @unchecked Sendable {
    var file: AuditFile
    /// What the lines in the file have come to.
    var place: AuditPlace
    /// What they had come to when this start was in it.
    private let begun: AuditPlace
    /// How many things that were done are not in it, since they can't be written.
    var missing = 0
    /// When the files were last held against what is at their paths.
    private var lookedAt = MonotonicTime.now
    /// Since when there has been something else, or nothing, at a path.
    private var displacedSince: MonotonicTime?
    private var fault: AuditError?

    /// For how long a file that was moved away is written to: whoever rotates it says so soon.
    private static let longestAway = Duration.seconds(60)

    init(_ file: consuming AuditFile, _ place: AuditPlace) {
        self.file = file
        self.place = place
        begun = place
    }

    /// Whether this start is all that both files were made for.
    var isBarelyBegun: Bool { file.isNew && place == begun && missing == 0 }

    /// Takes another file in the place of this one.
    func replace(by other: consuming AuditFile) {
        file = other
        (fault, displacedSince) = (nil, nil)
    }

    /// Throws where others have taken the files from their places; looks at them about once a second.
    func look(at now: MonotonicTime) throws(AuditError) {
        if now - lookedAt >= AuditLog.pause || fault != nil {
            lookedAt = now
            fault = displacement(at: now)
        }
        if let fault { throw fault }
    }

    private func displacement(at now: MonotonicTime) -> AuditError? {
        if let path = file.removed { return .displaced(path: path, reason: "was removed while it was written to") }
        guard !file.isInPlace else {
            displacedSince = nil
            return nil
        }
        let since = displacedSince ?? now
        displacedSince = since
        guard now - since >= Self.longestAway else { return nil }
        return .displaced(path: file.path, reason: "was moved away or replaced a while ago")
    }

    /// Has the witness say where the log has come to.
    func note(isFlushed: Bool) throws(AuditError) { try file.note(place, missing: missing, isFlushed: isFlushed) }
}

extension AuditLog.State {
    /// What the thread does next; nil where there is nothing to do.
    fileprivate mutating func takeWork() -> AuditLog.Work? {
        if mustReopen {
            mustReopen = false
            return .reopen
        }
        if !waiting.isEmpty {
            awaited = waiting.compactMap(\.done)
            defer { (waiting, waitingCount, missing) = ([], 0, 0) }
            return .write(waiting, missing: missing)
        }
        return isEnding ? .end : nil
    }
}

extension AuditLog {
    fileprivate enum Work {
        case write([Waiting], missing: Int)
        case reopen
        case flush
        case look
        case end
    }

    func run(_ box: FileBox) {
        var unflushed = false
        while true {
            defer { answered() }
            switch next(unflushed: unflushed) {
            case .write(let waiting, let missing):
                if missing == 0, mustVanish(waiting), box.isBarelyBegun {
                    box.file.remove()
                    return end(box)
                }
                unflushed = write(waiting, missing: missing, box) || unflushed
            case .reopen: reopen(box)
            case .flush:
                unflushed = !flush(box)
            case .look: look(box)
            case .end:
                _ = flush(box)
                return end(box)
            }
        }
    }

    /// Whether nothing but the last line is to be written, and that of a server that has not begun.
    private func mustVanish(_ waiting: [Waiting]) -> Bool {
        waiting.allSatisfy(\.isStop) && state.withLock { $0.isWithdrawn }
    }

    private func end(_ box: FileBox) {
        // Whoever waits for the end may begin with the log at once.
        box.file.release()
        state.withLock { $0.hasEnded = true }
    }

    /// Blocks until there is something to do, for a second at most.
    private func next(unflushed: Bool) -> Work {
        func find(_ state: inout State) -> Work? {
            guard let work = state.takeWork() else { return nil }
            state.busySince = .now
            return work
        }
        return state.wait(until: Deadline(in: Self.pause), for: find, late: { $0.busySince = .now })
            ?? (unflushed ? .flush : .look)
    }

    /// Looks whether the files are in their places, while there is nothing to write.
    private func look(_ box: FileBox) {
        let wasFailing = state.withLock { $0.statistics.isFailing }
        do throws(AuditError) {
            try box.look(at: .now)
            if wasFailing { succeed(0) }
        } catch { if !wasFailing { fail(error) } }
    }

    /// The thread is back from the disk, which was not to be taken for granted.
    private func answered() {
        let isBack = state.withLock { state in
            state.busySince = nil
            defer { state.isBlocked = false }
            return state.isBlocked && !state.statistics.isFailing
        }
        if isBack { report(.recovered) }
    }

    /// Writes lines, again and again until they are written or the program ends; whoever waits for them hears of the first
    /// try.
    ///
    /// - Returns: whether lines are left that are not on the disk
    private func write(_ waiting: [Waiting], missing: Int, _ box: FileBox) -> Bool {
        let (lines, count, place) = lines(of: waiting, missing: missing, after: box.place)
        while true {
            do throws(AuditError) {
                try box.look(at: .now)
                try box.file.add(lines)
                (box.place, box.missing) = (place, 0)
                if syncing == .always { try box.file.flush() }
                try box.note(isFlushed: false)
                succeed(count)
                return syncing == .second
            } catch {
                fail(error)
                answered()
                if box.place == place {
                    // They are in the file, if not on the disk.
                    state.withLock { $0.statistics.lines += count }
                    return true
                }
                let isLast = giveUp(waiting, missing: missing, box)
                // The witness needs no room, so that it tells of them even if the process is killed now.
                try? box.note(isFlushed: false)
                if isLast { return false }
                // Another file may be what helps.
                let mustReopen = state.wait(until: Deadline(in: Self.pause)) { state in
                    defer { state.mustReopen = false }
                    return state.mustReopen ? true : state.isEnding ? false : nil
                }
                state.withLock { $0.busySince = .now }
                if mustReopen == true { reopen(box) }
            }
        }
    }

    /// The lines, with how much is missing before the one that says that it is all.
    private func lines(
        of waiting: [Waiting], missing: Int, after place: AuditPlace
    ) -> (lines: [UInt8], count: Int, place: AuditPlace) {
        var (place, lines, count) = (place, [UInt8](), 0)
        func add(_ entry: AuditEntry, _ time: String) {
            lines += AuditLine.next(entry, at: time, after: &place)
            count += 1
        }
        func addGap() {
            guard missing > 0 else { return }
            var gap = AuditEntry(.gap)
            gap.count = missing
            add(gap, now())
        }
        let isLast = waiting.last?.isStop ?? false
        for one in isLast ? waiting.dropLast() : waiting[...] { for entry in one.entries { add(entry, one.time) } }
        addGap()
        if isLast, let last = waiting.last { add(AuditEntry(.stop), last.time) }
        return (lines, count, place)
    }

    /// Takes down what is missing while lines can't be written. Once the program ends they are given up, and a short line is
    /// tried that tells how many they were.
    ///
    /// - Returns: whether they were given up
    private func giveUp(_ waiting: [Waiting], missing: Int, _ box: FileBox) -> Bool {
        let things = waiting.reduce(0) { $0 + ($1.isStop ? 0 : $1.entries.count) }
        return state.withLock { state in
            let others = state.waiting.reduce(0) { $0 + ($1.isStop ? 0 : $1.entries.count) }
            box.missing = things + missing + others + state.missing
            guard state.isEnding else { return false }
            state.missing += missing + things
            state.statistics.missing += things
            // Alone it was tried already.
            if let last = waiting.last, last.isStop, things > 0 { state.waiting.append(last) }
            return true
        }
    }

    private func flush(_ box: FileBox) -> Bool {
        do throws(AuditError) {
            try box.file.flush()
            try box.note(isFlushed: true)
            // On the disk, but without a name there, it is as good as not.
            try box.look(at: .now)
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
            if box.file.isLogInPlace {
                try box.file.renewHead()
                _ = flush(box)
                return
            }
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
        let (wasFailing, awaited) = state.withLock { state in
            state.statistics.lines += count
            defer { (state.statistics.isFailing, state.awaited) = (false, []) }
            return (state.statistics.isFailing, state.awaited)
        }
        if wasFailing { report(.recovered) }
        for done in awaited { done(true) }
    }

    private func fail(_ error: AuditError) {
        let (wasFailing, awaited) = state.withLock { state in
            state.statistics.failures += 1
            defer { state.statistics.isFailing = true }
            return (state.isFailing, state.takeAwaited())
        }
        for done in awaited { done(false) }
        if !wasFailing { report(.failing(error)) }
    }
}
