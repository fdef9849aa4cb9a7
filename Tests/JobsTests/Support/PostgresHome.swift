import Jobs
import TestSupport
import Testing

@testable import PostgresStore

/// Stores in schemas of their own of the tests' PostgreSQL, which go by a clock that the tests move.
enum PostgresHome {
    static func open(
        _ settings: MemoryJobStore.Settings = .init(), _ clock: any JobClock = ManualClock(),
        _ random: SeededRandom = SeededRandom(seed: 1)
    ) async throws -> PostgresJobStore {
        let server = try #require(PostgresServer.shared)
        let schema = server.newName()
        let pool = ConnectionPool(try #require(ConnectionPlace(server.address())), most: 1)
        _ = try await pool.run { session throws(PostgresError) in try session.run("CREATE SCHEMA \(schema)") }
        pool.close()
        let place = try #require(ConnectionPlace(server.address(schema: schema)))
        let store = try await PostgresJobStore.open(place, settings: own(settings), clock: clock, random: random)
        // No statement breaks one, not for a moment.
        _ = try await store.pool.run { session throws(PostgresError) in
            try session.run(RowRules.rules.map { Statement("ALTER TABLE jobs ADD CHECK (\($0.holds))") })
        }
        return store
    }

    /// What another server opens when the one of `store` has ended, and nobody hears of that any more.
    static func openAnother(
        beside store: PostgresJobStore, _ settings: MemoryJobStore.Settings, _ clock: any JobClock,
        _ random: SeededRandom
    ) async throws -> PostgresJobStore {
        let server = store.models.server
        _ = try await store.pool.run { session throws(PostgresError) in
            try session.run("DELETE FROM servers WHERE id = $1::bytea", [.blob(server)])
        }
        return try await openBeside(store, settings, clock, random)
    }

    /// What another server opens while the one of `store` is there.
    static func openBeside(
        _ store: PostgresJobStore, _ settings: MemoryJobStore.Settings, _ clock: any JobClock, _ random: SeededRandom
    ) async throws -> PostgresJobStore {
        try await PostgresJobStore.open(
            store.pool.place, settings: own(settings), clock: clock, random: random)
    }

    private static func own(_ settings: MemoryJobStore.Settings) -> PostgresJobStore.Settings {
        var own = PostgresJobStore.Settings()
        own.resultTTL = settings.resultTTL
        own.attempts = settings.attempts
        own.serialKinds = settings.serialKinds
        own.lease = settings.lease
        own.connections = 3
        own.viewAge = .zero
        own.isTimeGiven = true
        return own
    }
}

extension PostgresJobStore {
    /// Returns once the database knows which jobs workers have begun with.
    func settleBegun() async {
        while true {
            let known = try? await keeper.run { session throws(PostgresError) in
                try session.run("SELECT count(*) FROM jobs WHERE status = 1 AND NOT begun").first?.int(0)
            }
            if known == 0 { return }
            await Task.yield()
        }
    }
}
