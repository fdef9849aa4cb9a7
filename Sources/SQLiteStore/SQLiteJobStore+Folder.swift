import Jobs
import Platform

extension SQLiteJobStore {
    /// What the log has told of the folder.
    struct Told: Sendable {
        var change: String?
        var isFull = false
        /// Since when somebody keeps the log from being brought in, and whether that was told.
        var logHeld: (since: MonotonicTime, isTold: Bool)?
    }

    /// What a look at the folder has found.
    struct Look: Sendable {
        /// What others have done to it; nil where nothing was.
        let change: String?
        /// Why the smallest job has no room; nil where it has.
        let lack: JobStoreError?
    }

    /// How large the database is and what is free, in bytes.
    struct Sizes: Sendable {
        var database = 0
        var free = 0
    }

    /// Takes down how large the database is and what is free, for who may not wait for the disk.
    func measure() {
        let found = Sizes(database: database.bytes, free: space.free)
        sizes.withLock { $0 = found }
    }

    /// Looks at the folder and its disk, on a thread that may wait for them.
    func look() async throws(JobStoreError) -> Look {
        try await looks.run { [self] () throws(JobStoreError) -> Look in
            let change = database.change(now: true)
            measure()
            return Look(change: change, lack: lack)
        }
    }

    /// Why the smallest job has no room, nil where it has.
    private var lack: JobStoreError? {
        let promised = live.withLock { $0.table.promisedBytes }
        do throws(StoreFault) { try space.check(needed: 1, promised: promised) } catch {
            return StoreFault.reason(of: error)
        }
        return nil
    }

    /// Throws where the smallest job has no room, on the thread that may wait for the disk.
    func checkRoom() async throws(JobStoreError) {
        guard !space.wasFineJustNow else { return }
        try await looks.run { [self] () throws(JobStoreError) in
            if let lack = tellOfRoom() { throw lack }
        }
    }

    /// Lets so many bytes in, until they are written; throws where they have no room. Where there was no plenty of it a moment
    /// ago only the disk can say, and one that hangs holds nothing up but who is to write to it.
    func enter(needed: Int) async throws(JobStoreError) {
        if space.enterAtOnce(needed: needed, promised: live.withLock { $0.table.promisedBytes }) { return }
        try await looks.run { [self] () throws(JobStoreError) in
            do throws(StoreFault) {
                try space.enter(needed: needed, promised: live.withLock { $0.table.promisedBytes })
            } catch {
                // A folder that is gone has no room either.
                if let change = database.change(now: true) { throw .unavailable(change) }
                tellOfRoom()
                throw StoreFault.reason(of: error)
            }
        }
    }

    /// Why the smallest job has no room, nil where it has; the log is told once, since there may be some again at the next
    /// look.
    @discardableResult
    private func tellOfRoom() -> JobStoreError? {
        guard let lack else { return nil }
        let isNew = told.withLock { told in
            defer { told.isFull = true }
            return !told.isFull
        }
        if isNew { tell(of: lack) }
        return lack
    }

    /// Takes ballast on where there is room, and lets go of what was set aside for long enough.
    func tidy(strays: Bool) async {
        await looks.run { [space, folder] in
            space.takeOnBallast()
            if strays { Strays(places: folder.places).trim(free: space.free) }
        }
    }

    private func tell(of lack: JobStoreError) {
        logger.warning(
            "no jobs are taken until the disk has room",
            metadata: ["error": "\(lack)", "folder": "\(folder.path)"])
    }

    /// Tells in the log what has befallen the folder and what to do, and when that is over: once each, and unasked, since it
    /// may be long until somebody is refused for it.
    func tellOfFolder() async {
        guard let found = try? await look() else { return }
        let isFull = found.change == nil && found.lack != nil
        let before = told.withLock { told in
            defer { told = Told(change: found.change, isFull: isFull, logHeld: told.logHeld) }
            return told
        }
        if let change = found.change {
            guard before.change == nil else { return }
            logger.error(
                "the state folder was changed by others: no jobs are taken, and what ends is not kept",
                metadata: [
                    "change": "\(change)", "folder": "\(folder.path)",
                    "remedy":
                        "put it back as it was; else fetch what has ended, end this server and begin anew",
                ])
        } else if before.change != nil {
            logger.notice(
                "the state folder is as it was: jobs are taken again",
                metadata: ["folder": "\(folder.path)"])
        }
        if let lack = found.lack, isFull {
            if !before.isFull { tell(of: lack) }
        } else if before.isFull, found.change == nil {
            logger.notice(
                "the disk has room again: jobs are taken", metadata: ["folder": "\(folder.path)"])
        }
    }

    /// For how long the log may be kept from being brought in before that is told.
    private static let longestHeld = Duration.seconds(60)

    /// Tells when something reads the database for so long that its log only grows, and when that is over: once each.
    func tellOfLog(now: MonotonicTime) {
        let (isHeld, isHuge) = (database.isLogHeld, database.isLogHuge)
        let (mustTell, wasTold) = told.withLock { told in
            let before = told.logHeld
            let since = before?.since ?? now
            let isLong = isHeld && (now - since >= Self.longestHeld || isHuge)
            let wasTold = before?.isTold ?? false
            told.logHeld = isHeld ? (since, wasTold || isLong) : nil
            return (isLong && !wasTold, wasTold)
        }
        if mustTell {
            logger.warning(
                "the database's log can't be brought in and only grows",
                metadata: [
                    "bytes": "\(database.committedLogBytes)", "folder": "\(folder.path)",
                    "cause": "something reads the database all the while, as a backup does that was stopped or hangs",
                    "remedy": "end what has \(folder.places.database) open (fuser tells its pid)",
                ])
        } else if wasTold, !isHeld {
            logger.notice("the database's log is brought in again", metadata: ["folder": "\(folder.path)"])
        }
    }
}
