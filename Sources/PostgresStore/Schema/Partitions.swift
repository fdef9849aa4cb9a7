import Jobs
import Platform

/// The partitions of inputs and results: one for the jobs of each hour, by their IDs, which begin with the time. They are made
/// before they are needed, and go as a whole when none of their jobs needs them any more.
struct Partitions {
    private static let hour: Int64 = 3_600_000
    /// How long after an hour's end its partitions are looked at: until then jobs may come that were made in it.
    private static let margin: Int64 = 600_000
    /// Not that of the steps, so that neither waits for the other.
    private static let lock: Int64 = 0x7669_6769_6c01

    let session: Session

    /// Makes those of an hour and of the next.
    func make(at wall: WallTime) throws(PostgresError) {
        let first = Self.number(of: wall)
        for number in [first, first + 1] {
            let name = "payloads_h\(number)"
            if try session.run("SELECT to_regclass('\(name)') IS NOT NULL").first?.bool(0) == true { continue }
            try make(number)
        }
    }

    /// Makes that of an hour, unless another does.
    private func make(_ number: Int64) throws(PostgresError) {
        // Attaching holds up nobody who reads or writes, unlike making a partition in its place.
        let pieces = ["payloads", "results"].map { table in
            """
            CREATE TABLE \(table)_h\(number) (LIKE \(table) INCLUDING ALL);
            ALTER TABLE \(table) ATTACH PARTITION \(table)_h\(number)
                FOR VALUES FROM ('\(Self.bound(number))') TO ('\(Self.bound(number + 1))');
            """
        }
        _ = try session.run(
            """
            DO $$ BEGIN
            PERFORM pg_advisory_xact_lock(\(Self.lock));
            IF to_regclass('payloads_h\(number)') IS NULL THEN
            \(pieces.joined(separator: "\n"))
            END IF;
            END $$
            """)
    }

    /// Drops what nobody needs any more.
    ///
    /// - Parameter uploadTTL: for how long inputs are kept after their jobs
    func drop(at wall: WallTime, uploadTTL: Duration) throws(PostgresError) {
        let now = wall.milliseconds - Self.margin
        let kept = uploadTTL.wholeNanoseconds / 1_000_000
        for name in try names() {
            guard let number = Self.number(of: name) else { continue }
            let end = (number + 1) * Self.hour
            let isPayload = name.begins(with: "payloads")
            let time = isPayload ? now.subtractingReportingOverflow(kept).partialValue : now
            guard end < time else { continue }
            let range = "BETWEEN '\(Self.bound(number))'::bytea AND '\(Self.bound(number + 1))'::bytea"
            let needed = isPayload ? "status <= 1 AND coalesce(source, id) \(range)" : "id \(range)"
            _ = try session.run(
                """
                DO $$ BEGIN
                PERFORM set_config('lock_timeout', '1s', true);
                IF pg_try_advisory_xact_lock(\(Self.lock)) AND NOT EXISTS (SELECT 1 FROM jobs WHERE \(needed)) THEN
                DROP TABLE IF EXISTS \(name);
                END IF;
                EXCEPTION WHEN lock_not_available THEN NULL;
                END $$
                """)
        }
    }

    /// The partitions that there are.
    private func names() throws(PostgresError) -> [String] {
        try session.run(
            """
            SELECT convert_to(c.relname::text, 'UTF8') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent IN (to_regclass('payloads'), to_regclass('results'))
            """
        ).map { row throws(PostgresError) in try row.text(0) }
    }

    private static func number(of wall: WallTime) -> Int64 { max(wall.milliseconds, 0) / hour }

    private static func number(of name: String) -> Int64? {
        for table in ["payloads_h", "results_h"] {
            if let digits = name.rest(after: table) { return Int64(digits) }
        }
        return nil
    }

    /// The first ID of an hour.
    private static func bound(_ number: Int64) -> String {
        let id = JobID.first(at: WallTime(milliseconds: number * hour))
        let digits = Array("0123456789abcdef".utf8)
        return "\\x"
            + String(decoding: id.bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
