import Platform
import TestSupport
import Testing

@testable import Jobs
@testable import PostgresStore

/// Files that jobs are about, as two servers on one database have them.
@Suite(
    "files of jobs that servers share",
    .enabled(if: PostgresServer.isThere, "PostgreSQL is not installed"),
    .timeLimit(.minutes(5)))
struct SharedFilesTests {
    private let clock = ManualClock()

    private func two() async throws -> (one: PostgresJobStore, two: PostgresJobStore) {
        var settings = MemoryJobStore.Settings(attempts: 3)
        settings.lease = .seconds(30)
        let one = try await PostgresHome.open(settings, clock, SeededRandom(seed: 1))
        return (one, try await PostgresHome.openBeside(one, settings, clock, SeededRandom(seed: 2)))
    }

    private func number(_ sql: String, _ store: PostgresJobStore) async throws -> Int64 {
        try await store.pool.run { session throws(PostgresError) in
            try session.run(sql).first?.int(0) ?? -1
        }
    }

    private func partitions(_ store: PostgresJobStore) async throws -> Int64 {
        try await number("SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('file_parts')", store)
    }

    /// A file of three parts, which nobody has.
    private func file(_ store: PostgresJobStore) async throws -> JobID {
        let file = try await store.beginFile()
        for part in 0..<3 { try await store.writePart(part, [UInt8(part), 0, 255], of: file) }
        return file
    }

    private func job(about file: JobID) -> NewJob {
        var new = NewJob.sample()
        new.file = file
        return new
    }

    /// Lets so much time pass, and both servers keep house.
    private func pass(_ time: Duration, _ stores: PostgresJobStore...) async throws {
        clock.advance(by: time)
        for store in stores { _ = try await store.expire() }
    }

    @Test("what one server has written in parts the other reads, and to write a part again changes nothing")
    func parts() async throws {
        let (one, two) = try await two()
        let file = try await file(one)
        try await one.writePart(1, [9], of: file)
        for part in 0..<3 { #expect(try await two.part(part, of: file) == [UInt8(part), 0, 255]) }
        #expect(try await two.part(3, of: file) == nil)
        #expect(try await two.part(0, of: try await two.beginFile()) == nil)
    }

    @Test("a file stays as long as a job of it has not ended, and is gone with its partition afterwards")
    func uses() async throws {
        let (one, two) = try await two()
        let file = try await file(one)
        let jobs = try await one.submit(Submission(batch: [job(about: file), job(about: file)])).jobs
        await #expect(throws: JobStoreError.self) { try await one.writePart(3, [1], of: file) }
        try await two.discardFile(file)
        try await pass(.seconds(7_200), one, two)
        #expect(try await two.part(2, of: file) != nil)
        _ = try await two.cancel(jobs[0].id)
        try await pass(.seconds(120), one, two)
        #expect(try await two.part(2, of: file) != nil)
        let claimed = try #require(try await two.claim(limit: 1).first)
        _ = try await two.complete(claimed.token, with: .done)
        try await pass(.seconds(120), one, two)
        #expect(try await number("SELECT count(*) FROM files", one) == 0)
        #expect(try await number("SELECT count(*) FROM file_uses", one) == 0)
        #expect(try await partitions(one) == 0)
    }

    @Test("partitions stay as long as a file of their time is there, also one that is still written")
    func partitionsStay() async throws {
        let (one, two) = try await two()
        let ended = try await file(one)
        let waiting = try await file(one)
        _ = try await one.submit(Submission(job(about: ended)))
        _ = try await one.submit(Submission(job(about: waiting)))
        let claimed = try #require(try await two.claim(limit: 1).first)
        _ = try await two.complete(claimed.token, with: .done)
        try await pass(.seconds(3_000), one, two)
        #expect(try await partitions(one) == 1)
        #expect(try await number("SELECT count(*) FROM files", one) == 1)
        let late = try await one.beginFile()
        try await pass(.seconds(1_500), one, two)
        try await one.writePart(0, [1], of: late)
        try await pass(.seconds(3_000), one, two)
        #expect(try await two.part(0, of: late) == [1])
    }

    @Test("what was discarded leaves no row, nor what a server had copied of a file when it was killed")
    func discarded() async throws {
        let (one, two) = try await two()
        try await one.discardFile(try await file(one))
        #expect(try await number("SELECT count(*) FROM file_parts", one) == 0)
        let left = try await file(one)
        try await pass(.seconds(3_500), two)
        #expect(try await number("SELECT count(*) FROM files", one) == 1)
        try await pass(.seconds(200), two)
        #expect(try await number("SELECT count(*) FROM files", one) == 0)
        #expect(try await number("SELECT count(*) FROM file_parts", one) == 0)
        await #expect(throws: JobStoreError.self) { try await one.writePart(3, [1], of: left) }
    }

    @Test("no job is accepted whose file is gone, nor any of its batch")
    func refused() async throws {
        let (one, _) = try await two()
        let (kept, gone) = (try await file(one), try await file(one))
        try await one.discardFile(gone)
        await #expect(throws: JobStoreError.self) {
            try await one.submit(Submission(batch: [job(about: kept), job(about: gone)]))
        }
        #expect(try await number("SELECT count(*) FROM jobs", one) == 0)
        try await one.discardFile(kept)
        #expect(try await number("SELECT count(*) FROM file_parts", one) == 0)
    }

    @Test("what was made is found while its job is known, once that has succeeded; the oldest goes first")
    func made() async throws {
        let (one, two) = try await two()
        let lookup: [UInt8] = [1, 2, 3]
        let large = [UInt8](repeating: 7, count: PostgresJobStore.pieceBytes + 1)
        var ids: [JobID] = []
        for bytes in [large, [5]] {
            let id = try await one.insert(.sample()).id
            ids.append(id)
            let claimed = try #require(try await one.claim(limit: 1).first)
            try await one.keepMade([8, 8], by: lookup, of: id)
            try await one.keepMade(bytes, by: lookup, of: id)
            #expect(try await two.jobWithMade(lookup) == ids.dropLast().last)
            _ = try await one.complete(claimed.token, with: .done)
        }
        #expect(try await two.jobWithMade(lookup) == ids[1])
        #expect(try await two.jobWithMade([1, 2]) == nil)
        #expect(try await two.made(0, of: ids[0]) == Array(large.dropLast()))
        #expect(try await two.made(1, of: ids[0]) == [7])
        #expect(try await two.made(2, of: ids[0]) == nil)
        let time = one.time
        try await one.pool.run { session throws(PostgresError) in
            try FileTables.tidy(session, time, at: time.clock.wall, madeBytes: 1)
        }
        #expect(try await two.made(0, of: ids[0]) == nil)
        #expect(try await two.made(0, of: ids[1]) == [5])
        #expect(try await two.forget(ids[1]))
        #expect(try await two.jobWithMade(lookup) == nil)
        #expect(try await two.made(0, of: ids[1]) == nil)
    }

    @Test(
        "the holder of a claim alone keeps rows, in the place of those from that piece on; with the job's end they are gone"
    )
    func rows() async throws {
        let (one, two) = try await two()
        let id = try await one.insert(.sample()).id
        #expect(try await one.keepRows([1], piece: 0, by: ClaimToken(job: id, secret: 1)) == false)
        let first = try #require(try await one.claim(limit: 1).first).token
        for piece in 0..<3 { #expect(try await one.keepRows([UInt8(piece)], piece: piece, by: first)) }
        #expect(try await one.keepRows([7], piece: 1, by: first))
        #expect(try await two.rows(0, of: id) == [0])
        #expect(try await two.rows(1, of: id) == [7])
        #expect(try await two.rows(2, of: id) == nil)
        clock.advance(by: .seconds(31))
        #expect(try await two.expire().lapsed.map(\.id) == [id])
        let second = try #require(try await two.claim(limit: 1).first).token
        #expect(try await one.keepRows([9], piece: 2, by: first) == false)
        #expect(try await two.rows(2, of: id) == nil)
        #expect(try await two.keepRows([8], piece: 2, by: second))
        try await two.keepMade([1, 2], by: [3], of: id)
        #expect(try await one.rows(0, of: id) == nil)
        _ = try await two.complete(second, with: .done)
        #expect(try await one.output(id) != nil)
        #expect(try await one.made(0, of: id) == [1, 2])
    }
}
