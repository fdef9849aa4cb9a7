public import Jobs
import Platform

/// What is done to a database by hand, beside its servers.
public struct StoreOperations: Sendable {
    /// The steps of the tables.
    public struct Steps: Sendable, Equatable {
        /// How many the database has had.
        public let there: Int
        /// How many of them were done just now.
        public let done: Int
        /// How many this Vigil knows.
        public let known: Int
    }

    /// The oldest PostgreSQL that will do, by its major version.
    public static let oldest = 15

    /// So many bytes are what a call may take the time of: nobody waits behind it.
    private static let patienceBytes = 4 << 30

    /// What it is, for people.
    public let place: String
    let pool: ConnectionPool

    /// Throws where the address can't be understood.
    public init(_ place: ConnectionPlace) throws(JobStoreError) {
        do throws(PostgresError) { try place.check() } catch { throw error.told }
        self.place = place.description
        pool = ConnectionPool(place, most: 1)
    }

    /// Ends the connection.
    public func close() { pool.close() }

    /// Brings the tables up to what this Vigil knows.
    ///
    /// - Parameter version: this Vigil's
    public func migrate(version: String) async throws(JobStoreError) -> Steps {
        try await call { session throws(PostgresError) in
            let standing = try Migration(session: session, vigil: version).run()
            return Steps(there: standing.steps, done: standing.done, known: Schema.steps.count)
        }
    }

    func call<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws(PostgresError) -> Value
    ) async throws(JobStoreError) -> Value {
        do throws(PostgresError) {
            return try await pool.run(bytes: Self.patienceBytes, isRepeatable: true, body)
        } catch { throw error.told }
    }
}
