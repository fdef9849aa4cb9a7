import Jobs
import Platform

/// The time that statements go by: the database's, or in tests that of a clock which the test moves.
struct StoreTime: Sendable {
    /// Nil for the database's own.
    private let given: (any JobClock)?
    /// Where times are for, of this process.
    let clock: any JobClock

    /// The database's time; what it says is brought to `clock`'s.
    init(by clock: any JobClock) {
        given = nil
        self.clock = clock
    }

    /// The time of `clock`, whatever the database's is.
    init(only clock: any JobClock) {
        given = clock
        self.clock = clock
    }

    var isGiven: Bool { given != nil }

    /// The first two values of each statement that goes by the time.
    var values: [Value] { [.int(given?.now.nanoseconds), .int(given?.wall.milliseconds)] }

    /// The beginning of each statement that goes by the time: `t.now` in nanoseconds, `t.wall` in milliseconds since 1970.
    static let table = """
        t AS MATERIALIZED (
            SELECT coalesce($1::int8, (extract(epoch FROM c) * 1000000000)::int8) AS now,
                coalesce($2::int8, (extract(epoch FROM c) * 1000)::int8) AS wall
            FROM (SELECT clock_timestamp() AS c) AS clock
        )
        """
}

/// A moment by the database's clock, with what it was by the process's.
struct Moment: Sendable {
    let stored: Int64
    let own: MonotonicTime

    /// What the process calls a time of the database.
    func own(_ time: Int64) -> MonotonicTime {
        let (past, isOver) = time.subtractingReportingOverflow(stored)
        return own + .nanoseconds(isOver ? (time < stored ? .min / 2 : .max / 2) : past)
    }
}
