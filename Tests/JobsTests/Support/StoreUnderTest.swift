import Jobs
import Platform
import PostgresStore
import SQLiteStore
import TestSupport
import Testing

/// A kind of store that has to pass `JobStoreConformance` and the model test. A new store is one more line in `all`.
struct StoreUnderTest: Sendable, CustomTestStringConvertible {
    let name: String
    let make: @Sendable (MemoryJobStore.Settings, ManualClock, SeededRandom) async throws -> any JobStore
    /// What another process finds that begins where this one was ended in the middle; nil where nothing is left then.
    var afterCrash:
        (@Sendable (any JobStore, MemoryJobStore.Settings, ManualClock, SeededRandom) async throws -> any JobStore)?

    /// Whether others may be at it still: what a process was doing when it ended is its own until its claims run out.
    var isShared = false

    var testDescription: String { name }

    static let memory = StoreUnderTest(name: "memory") { settings, clock, random in
        MemoryJobStore(settings: settings, clock: clock, random: random)
    }

    static let sqlite = StoreUnderTest(name: "SQLite") { settings, clock, random in
        try StoreFolder().open(settings, clock, random)
    } afterCrash: { store, settings, clock, random in
        let store = try #require(store as? StoreFolder.Store)
        return try store.home.copy().open(settings, clock, random)
    }

    /// Left out where PostgreSQL is not installed, which `PostgresStoreTests` says.
    static let postgres = StoreUnderTest(
        name: "PostgreSQL",
        make: { settings, clock, random in try await PostgresHome.open(settings, clock, random) },
        afterCrash: { store, settings, clock, random in
            let store = try #require(store as? PostgresJobStore)
            return try await PostgresHome.openAnother(beside: store, settings, clock, random)
        }, isShared: true)

    static let all = [memory, sqlite] + (PostgresServer.isThere ? [postgres] : [])
    /// Those in which what ran when a process ended is queued again as soon as another begins.
    static let ownedByProcess = all.filter { $0.afterCrash != nil && !$0.isShared }

    /// An empty store and the clock that it goes by.
    func open(
        resultTTL: Duration = .seconds(3_600), budget: Int = 1 << 30, attempts: Int = 3,
        lease: Duration = .seconds(60), seed: UInt64 = 1
    ) async throws -> (store: any JobStore, clock: ManualClock) {
        var settings = MemoryJobStore.Settings(
            resultTTL: resultTTL, resultBudgetBytes: budget, attempts: attempts)
        settings.lease = lease
        let clock = ManualClock()
        return (try await make(settings, clock, SeededRandom(seed: seed)), clock)
    }
}
