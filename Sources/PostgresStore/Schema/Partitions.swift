import Jobs
import Platform

/// The partitions of inputs and results: one for the jobs of each hour, by their IDs, which begin with the time. They are made
/// before they are needed, and go as a whole when none of their jobs needs them any more.
struct Partitions {
    private static let hour: Int64 = 3_600_000
    /// How long after an hour's end its partitions are looked at: until then jobs may come that were made in it.
    private static let margin: Int64 = 600_000

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
        do throws(PostgresError) {
            _ = try session.run(
                "SELECT vigil_make_hour($1::int8, $2::bytea, $3::bytea)",
                [.int(number), .blob(Self.bound(number)), .blob(Self.bound(number + 1))])
        } catch  where error.state == PostgresError.duplicateTable {
            // Of servers that begin together one was first, which another may not have heard of while it waited for its turn.
            return
        }
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
            _ = try session.run(
                "SELECT vigil_drop_hour(convert_from($1::bytea, 'UTF8'), $2::int8, $3::bytea, $4::bytea)",
                [
                    .text(isPayload ? "payloads" : "results"), .int(number), .blob(Self.bound(number)),
                    .blob(Self.bound(number + 1)),
                ])
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
    private static func bound(_ number: Int64) -> [UInt8] {
        JobID.first(at: WallTime(milliseconds: number * hour)).bytes
    }
}
