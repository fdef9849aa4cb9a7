import Jobs
import Platform

/// The standbys that have to have what is committed, as they were seen at a moment.
struct Standbys: Sendable, Equatable {
    /// How PostgreSQL refuses the logarithm of zero, by which ``demand`` fails.
    static let unmet = "2201E"

    static let look = Statement("SELECT seen, named, waited, in_sync FROM vigil_standbys()")

    /// Fails where this transaction's commit would wait for no standby; where it waits for one that is away, it waits.
    static let demand = Statement(
        """
        SELECT ln((current_setting('synchronous_standby_names') <> ''
            AND current_setting('synchronous_commit') NOT IN ('off', 'local'))::int4::float8)
        """)

    /// Is committed when all that was committed before is on the standby, where there is one.
    static let confirmation = Statement("SELECT pg_logical_emit_message(true, 'vigil', ''::text)")

    /// Why commits are not on a standby; nil where they are.
    let fault: String?
    /// Whether commits wait for a standby that is not there, and hold their sessions until it is.
    let holdsCommits: Bool

    /// What ``look`` gave.
    init(_ rows: Rows) throws(PostgresError) {
        guard let row = rows.first else { throw .unreadable("the standbys are not told of") }
        let (isSeen, isNamed, isWaited) = (try row.bool(0), try row.bool(1), try row.bool(2))
        let inSync = try row.count(3)
        holdsCommits = isSeen && isNamed && isWaited && inSync == 0
        fault =
            if !isNamed {
                "it has no synchronous standby: synchronous_standby_names is empty, and --require-synchronous is set"
            } else if !isWaited {
                "its commits wait for no standby: synchronous_commit is off or local, and --require-synchronous is set"
            } else if !isSeen {
                "its standbys can't be seen: the owner of vigil_standbys() has to be a member of pg_read_all_stats"
            } else if inSync == 0 {
                "none of its synchronous standbys is in sync, and --require-synchronous is set"
            } else {
                nil
            }
    }
}

extension PostgresJobStore {
    /// For how long what was seen of standbys is good; a server that is at work looks each second.
    private static let standbyAge = Duration.seconds(3)

    /// Notes what was seen of standbys, and tells the log where that has changed.
    func note(_ found: Standbys) {
        let before = own.withLock { own in
            defer { own.standbys = (found, .now) }
            return own.standbys?.found
        }
        guard before?.fault != found.fault else { return }
        if let fault = found.fault {
            logger.warning("no jobs are taken", metadata: ["reason": "\(fault)"])
        } else if before != nil {
            logger.notice("a synchronous standby is in sync: jobs are taken")
        }
    }

    /// Throws where what a call has just committed may not be on the standby that it had to wait for: somebody has ended the wait, or
    /// has it that commits wait for none, which ends those that wait without a word.
    func confirm(on session: Session) throws(PostgresError) {
        try session.checkConfirmed()
        guard settings.requiresSynchronous else { return }
        // What was committed is there whatever becomes of this look.
        let found = try? Standbys(try session.run([Standbys.look])[0])
        guard let found, found.fault == nil else { throw .unconfirmed }
    }

    /// Whether commits are known to wait for a standby that is not there. Who commits all the same uses up the database's sessions:
    /// none of them ends before the standby is back, whoever has hung up.
    var areCommitsHeld: Bool {
        own.withLock { own in
            guard let known = own.standbys, .now - known.at < Self.standbyAge else { return false }
            return known.found.holdsCommits
        }
    }

    /// Throws where a commit would be held.
    func checkCommits() throws(JobStoreError) {
        if areCommitsHeld { throw .unavailable("none of its synchronous standbys is in sync, for which commits wait") }
    }

    /// Throws where a standby has to have what is taken and none is known to be in sync.
    func checkStandby() throws(JobStoreError) {
        if settings.requiresSynchronous, let fault = lackOfStandby, !fault.isEmpty { throw .unavailable(fault) }
    }

    /// What goes before all else in a transaction whose commit has to wait for a standby.
    var demands: [Statement] { settings.requiresSynchronous ? [Standbys.demand] : [] }

    /// Why jobs are not taken for want of a standby, empty where one is there; nil where that is not known.
    var lackOfStandby: String? {
        own.withLock { own in
            guard let known = own.standbys, .now - known.at < Self.standbyAge else { return nil }
            return known.found.fault ?? ""
        }
    }
}
