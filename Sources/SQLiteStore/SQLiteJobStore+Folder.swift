import Jobs

extension SQLiteJobStore {
    /// What the log has told of the folder.
    struct Told: Sendable {
        var change: String?
        var isFull = false
    }

    /// What a look at the folder has found.
    struct Look: Sendable {
        /// What others have done to it; nil where nothing was.
        let change: String?
        /// Why the smallest job has no room; nil where it has.
        let lack: JobStoreError?
    }

    /// Looks at the folder and its disk, on a thread that may wait for them.
    func look() async throws(JobStoreError) -> Look {
        let promised = live.withLock { $0.table.promisedBytes }
        return try await looks.run { [database, space] () throws(JobStoreError) -> Look in
            let change = database.change(now: true, wrote: true)
            do throws(StoreFault) { try space.check(needed: 1, promised: promised) } catch {
                return Look(change: change, lack: StoreFault.reason(of: error))
            }
            return Look(change: change, lack: nil)
        }
    }

    /// Why the smallest job has no room, nil where it has; the log is told once, since there may be some again at the next
    /// look.
    @discardableResult
    func tellOfRoom() -> JobStoreError? {
        let promised = live.withLock { $0.table.promisedBytes }
        do throws(StoreFault) { try space.check(needed: 1, promised: promised) } catch {
            let lack = StoreFault.reason(of: error)
            let isNew = told.withLock { told in
                defer { told.isFull = true }
                return !told.isFull
            }
            if isNew { tell(of: lack) }
            return lack
        }
        return nil
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
            defer { told = Told(change: found.change, isFull: isFull) }
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
}
