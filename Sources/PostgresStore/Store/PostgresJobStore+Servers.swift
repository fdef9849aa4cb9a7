public import Jobs
import Platform

/// What the others are told of a server.
struct Presence: Sendable {
    let name: String
    let version: String
    let activity: ServerActivity
}

extension SharedStanding.Server {
    /// What ``columns`` has of a row of `servers`, in a statement that begins with ``StoreTime/table``.
    init(_ row: Row, own: [UInt8]) throws(PostgresError) {
        self.init(
            name: try row.text(1), version: try row.text(2), startedAt: WallTime(milliseconds: try row.int(3)),
            silent: .nanoseconds(max(try row.int(4), 0)),
            activity: ServerActivity(
                workers: try row.count(5), running: try row.count(6), isDraining: try row.bool(7)),
            isSelf: try row.bytes(0) == own)
    }

    static let columns = "s.id, s.name, s.version, s.started_at, t.now - s.seen, s.workers, s.running, s.draining"
}

extension SharedStanding.Pressure {
    static let look = Statement(
        """
        SELECT seen, snapshot_age, transaction_ms, slots, idle_slots, slot_bytes, dead_rows, in_sync
        FROM vigil_pressure()
        """)

    /// What ``look`` gave.
    init(_ rows: Rows) throws(PostgresError) {
        guard let row = rows.first else { throw .unreadable("how the database fares is not told") }
        self.init()
        isSeen = try row.bool(0)
        (snapshotAge, oldestTransaction) = (try row.count(1), .milliseconds(try row.int(2)))
        (slots, idleSlots, slotBytes) = (try row.count(3), try row.count(4), try row.count(5))
        (deadRows, synchronousStandbys) = (try row.count(6), try row.count(7))
    }
}

extension PostgresJobStore {
    /// For how long what was seen of the others is good: pages and scrapers ask as often as they like.
    private static let standingAge = Duration.seconds(2)

    /// Tells the others with the next sign of life.
    public func present(_ activity: ServerActivity) { own.withLock { $0.activity = activity } }

    /// Who has part in the database, and how it fares.
    public func standing() async throws(JobStoreError) -> SharedStanding? {
        let known = own.withLock { own in own.standing.flatMap { .now - $0.at < Self.standingAge ? $0 : nil } }
        if let known { return known.found }
        do throws(JobStoreError) {
            let found = try await look()
            own.withLock { $0.standing = (found, .now) }
            return found
        } catch {
            // Whoever asks next does not wait for a database that is away.
            own.withLock { $0.standing = (nil, .now) }
            throw error
        }
    }

    private func look() async throws(JobStoreError) -> SharedStanding {
        let (time, own, lease) = (time, models.server, settings.lease)
        return try await call(on: looker) { session throws(PostgresError) in
            let answers = try session.run([
                Statement(
                    """
                    WITH \(StoreTime.table) SELECT \(SharedStanding.Server.columns) FROM servers AS s, t
                    ORDER BY s.seen DESC LIMIT 1000
                    """, time.values), SharedStanding.Pressure.look,
            ])
            return SharedStanding(
                servers: try answers[0].map { row throws(PostgresError) in
                    try SharedStanding.Server(row, own: own)
                }, patience: lease, pressure: try SharedStanding.Pressure(answers[1]))
        }
    }
}
