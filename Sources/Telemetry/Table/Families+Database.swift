/// A database that several servers share.
extension Family {
    /// Who has part in it, and what holds it up.
    public static let database = [
        databaseServers, databaseSnapshot, databaseTransaction, databaseSlots,
        databaseSlotBytes, databaseDeadRows, databaseStandbys,
    ]

    /// Who does the jobs.
    public static let databaseServers = Family(
        "vigil_servers", .gauge, labels: ["state"],
        "Servers that share the queue, by what they say: serving, draining, or silent for longer than a lease; one where a server has its own."
    )
    /// What keeps dead rows.
    public static let databaseSnapshot = Family(
        "vigil_database_snapshot_age_transactions", .gauge,
        "Transactions since the oldest began that somebody still sees in the database, which keeps dead rows; NaN without one."
    )
    /// Who does so.
    public static let databaseTransaction = Family(
        "vigil_database_oldest_transaction_seconds", .gauge, in: .seconds,
        "Time that the oldest transaction of the database has been open; NaN without one.")
    /// Who else may.
    public static let databaseSlots = Family(
        "vigil_database_replication_slots", .gauge, labels: ["state"],
        "Replication slots of PostgreSQL, by whether somebody reads them: active or idle.")
    /// What that costs.
    public static let databaseSlotBytes = Family(
        "vigil_database_slot_bytes", .gauge, in: .bytes,
        "Bytes of the log that PostgreSQL keeps for the replication slot that is furthest behind; NaN without a database."
    )
    /// What slows claims.
    public static let databaseDeadRows = Family(
        "vigil_database_dead_rows", .gauge,
        "Rows of jobs that are dead and were not removed yet; NaN without a database.")
    /// Who has what was accepted, too.
    public static let databaseStandbys = Family(
        "vigil_database_synchronous_standbys", .gauge,
        "Synchronous standbys of PostgreSQL that are in sync; NaN without a database.")

    /// What a server says of itself, of ``databaseServers``.
    public enum ServerState: String, Sendable, CaseIterable { case serving, draining, silent }

    /// Whether somebody reads a slot, of ``databaseSlots``.
    public enum SlotState: String, Sendable, CaseIterable { case active, idle }
}
