import Platform

/// The file on its way to the thread that has it from then on.
///
/// Sound as `@unchecked Sendable`: it is made on one thread, handed over once as that thread's argument, and touched by no
/// other afterwards.
final class FileBox: @unchecked Sendable {
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
        case end
    }

    func run(_ box: FileBox) {
        var unflushed = false
        while true {
            defer { answered() }
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
            guard let work = state.takeWork() else { return nil }
            state.busySince = .now
            return work
        }
        guard unflushed else { return state.wait(for: find) }
        return state.wait(until: Deadline(in: Self.pause), for: find, late: { $0.busySince = .now }) ?? .flush
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
        while true {
            do throws(AuditError) {
                try box.file.add(lines)
                box.place = place
                if syncing == .always { try box.file.flush() }
                try box.file.note(place, isFlushed: false)
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
                if state.withLock({ $0.isEnding }) { return false }
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
