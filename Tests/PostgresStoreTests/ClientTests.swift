import Jobs
import Platform
import TestSupport
import Testing

@testable import PostgresStore

@Suite("Speaking with PostgreSQL", .enabled(if: PostgresServer.isThere, "PostgreSQL is not installed"))
struct ClientTests {
    private func pool(most: Int = 2) throws -> ConnectionPool {
        let server = try #require(PostgresServer.shared)
        return ConnectionPool(try #require(ConnectionPlace(server.address())), most: most)
    }

    @Test("values come back as they went, those that a text can't hold too")
    func values() async throws {
        let pool = try pool()
        defer { pool.close() }
        let bytes: [UInt8] = [0, 39, 92, 255]
        let rows = try await pool.run { session throws(PostgresError) in
            try session.run(
                """
                SELECT $1::bytea, $2::int8, $3::bool, $4::bytea, $5::int8, cardinality($6::bytea[]), ($6::bytea[])[2],
                ($7::int8[])[1], 7::int2, (-2)::int4, $6::bytea[], cardinality($8::bytea[])
                """,
                [
                    .blob(bytes), .int(Int64.min), .bool(true), .blob(nil), .int(nil as Int64?),
                    .blobs([[1], bytes, []]),
                    .ints([-5]), .blobs([]),
                ])
        }
        let row = try #require(rows.first)
        #expect(try row.bytes(0) == bytes && row.int(1) == .min)
        #expect(try row.bool(2))
        #expect(try row.optionalBytes(3) == nil && row.optionalInt(4) == nil)
        #expect(try row.int(5) == 3 && row.bytes(6) == bytes)
        #expect(try row.int(7) == -5 && row.int(8) == 7)
        #expect(try row.int(9) == -2 && row.int(11) == 0)
        #expect(try row.blobs(10) == [[1], bytes, []])
        #expect(throws: PostgresError.self) { try row.text(0) }
        #expect(throws: PostgresError.self) { try row.int(3) }
        #expect(throws: PostgresError.self) { try row.int(99) }
    }

    @Test("statements of one call are done all or not at all, and the connection is good afterwards")
    func transactions() async throws {
        let pool = try pool(most: 1)
        defer { pool.close() }
        let table = try #require(PostgresServer.shared).newName()
        _ = try await pool.run { session throws(PostgresError) in try session.run("CREATE TABLE \(table) (n int8)") }
        await #expect(throws: PostgresError.refused(state: "22012", "division by zero")) {
            try await pool.run { session throws(PostgresError) in
                try session.run([
                    Statement("INSERT INTO \(table) VALUES ($1::int8)", [.int(1)]), Statement("SELECT 1 / 0"),
                    Statement("INSERT INTO \(table) VALUES (2)"),
                ])
            }
        }
        let rows = try await pool.run { session throws(PostgresError) in try session.run("SELECT n FROM \(table)") }
        #expect(rows.count == 0)
    }

    @Test("a session keeps a statement once, however often one call has it, and also where the call comes to nothing")
    func kept() async throws {
        let pool = try pool(most: 1)
        defer { pool.close() }
        @Sendable func kept(_ number: Int) -> Statement {
            Statement("SELECT 2 * $1::int8", [.int(number)], isKept: true)
        }
        await #expect(throws: PostgresError.refused(state: "22012", "division by zero")) {
            try await pool.run { session throws(PostgresError) in
                try session.run([kept(1), kept(2), Statement("SELECT 1 / 0"), kept(3)])
            }
        }
        let answers = try await pool.run { session throws(PostgresError) in
            try session.run([kept(4), Statement("SELECT count(*) FROM pg_prepared_statements"), kept(5)])
        }
        #expect(try answers.map { try $0.first?.int(0) } == [8, 1, 10])
    }

    @Test(
        "where a session does not keep what it was given, or has another of its name, nothing is kept from then on",
        arguments: ["DEALLOCATE ALL", "PREPARE \(KeptStatements.name(of: "SELECT 2 * $1::int8")) AS SELECT 1"])
    func forgotten(by pooler: String) async throws {
        let pool = try pool(most: 1)
        defer { pool.close() }
        let other = Statement("SELECT $1::int8", [.int(1)], isKept: true)
        let kept = Statement("SELECT 2 * $1::int8", [.int(21)], isKept: true)
        for _ in 0..<2 {
            _ = try await pool.run { session throws(PostgresError) in try session.run([other]) }
            if pooler.utf8.starts(with: "DEALLOCATE".utf8) {
                _ = try await pool.run { session throws(PostgresError) in try session.run([kept]) }
            }
            _ = try? await pool.run { session throws(PostgresError) in try session.run(pooler) }
            let answers = try await pool.run { session throws(PostgresError) in try session.run([other, kept]) }
            #expect(try answers.map { try $0.first?.int(0) } == [1, 42])
        }
        let left = try await pool.run { session throws(PostgresError) in
            try session.run([
                Statement("DEALLOCATE ALL"), other, kept, Statement("SELECT count(*) FROM pg_prepared_statements"),
            ])
        }
        #expect(try left.last?.first?.int(0) == 0)
    }

    @Test("much goes both ways at once")
    func large() async throws {
        let pool = try pool(most: 1)
        defer { pool.close() }
        let body = [UInt8](repeating: 0xA5, count: 8 << 20)
        let answers = try await pool.run { session throws(PostgresError) in
            try session.run((0..<6).map { _ in Statement("SELECT $1::bytea", [.blob(body)]) })
        }
        #expect(try answers.allSatisfy { try $0.first?.bytes(0) == body })
    }

    @Test("many callers share few connections, and all get their own answers")
    func many() async throws {
        let server = try #require(PostgresServer.shared)
        let name = server.newName()
        let place = try #require(ConnectionPlace(server.address() + "&application_name=\(name)"))
        let pool = ConnectionPool(place, most: 3)
        defer { pool.close() }
        let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
            for number in 0..<300 {
                group.addTask {
                    try await pool.run { session throws(PostgresError) in
                        try session.run("SELECT $1::int8", [.int(number)]).first?.int(0) ?? -1
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 299 * 300 / 2)
        let counted = try await pool.run { session throws(PostgresError) in
            try session.run(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = convert_from($1::bytea, 'UTF8')",
                [.text(name)]
            ).first?.int(0) ?? 0
        }
        #expect((1...3).contains(counted))
    }

    @Test("a connection that was ended while nobody used it is replaced before anything is sent")
    func ended() async throws {
        let (pool, other) = (try pool(most: 1), try pool(most: 1))
        defer {
            pool.close()
            other.close()
        }
        func backend() async throws -> Int64 {
            try await pool.run { session throws(PostgresError) in
                try session.run("SELECT pg_backend_pid()").first?.int(0) ?? 0
            }
        }
        let first = try await backend()
        _ = try await other.run { session throws(PostgresError) in
            // It says whether the signal was sent; the end is waited for, so that the socket has it.
            try session.run("SELECT pg_terminate_backend($1::int8::int4, 5000)", [.int(first)])
        }
        #expect(try await backend() != first)
    }

    @Test("who comes to a closed pool is told so")
    func closed() async throws {
        let pool = try pool()
        pool.close()
        await #expect(throws: PostgresError.self) {
            try await pool.run { session throws(PostgresError) in try session.run("SELECT 1") }
        }
    }
}

@Suite("The address of a database")
struct ConnectionPlaceTests {
    @Test(
        "is shown without its password and what follows",
        arguments: [
            (
                "postgres://vigil:s3cret@db.example:5432/vigil?sslmode=verify-full",
                "postgres://vigil@db.example:5432/vigil"
            ),
            ("postgresql://db/vigil?password=s3cret", "postgresql://db/vigil"),
            ("postgres://u:a@b:c@db/x", "postgres://u@db/x"), ("postgres:///vigil", "postgres:///vigil"),
        ])
    func shown(text: String, expected: String) throws {
        let place = try #require(ConnectionPlace(text))
        #expect(place.description == expected)
        #expect(ConnectionPlace.withoutSecrets(text) == expected)
        #expect(place.hasPassword == (text.contains("s3cret") || text.contains("a@b")))
    }

    @Test("is nothing else", arguments: ["memory", "/var/lib/vigil", "postgres", "mysql://db", "postgres:vigil", ""])
    func others(text: String) {
        #expect(ConnectionPlace(text) == nil)
        #expect(ConnectionPlace.withoutSecrets(text) == text)
    }

    @Test("what libpq does not understand is refused without its words, which have the password")
    func refused() async {
        let place = ConnectionPlace("postgres://u:s3cret@db:port/x")
        await #expect {
            _ = try await PostgresJobStore.open(try #require(place))
        } throws: { error in
            !"\(error)".contains("s3cret")
        }
    }
}
