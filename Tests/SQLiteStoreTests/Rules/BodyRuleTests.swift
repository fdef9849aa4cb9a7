import Foundation
import GRDB
import Jobs
import Platform
import Synchronization
import Testing

@testable import SQLiteStore

@Suite("queue.md 8: payloads beside the row")
struct BodyPlaceTests {
    @Test("up to 128 KiB are in a row of their own, more in a file", arguments: [(32 << 10, 0), ((32 << 10) + 1, 1)])
    func place(floats: Int, files: Int) async throws {
        let home = try Home()
        let store = try home.open()
        let new = NewJob.of(floats: floats)
        let id = try await store.insert(new).id
        #expect(try home.bodies() == (files == 1 ? ["\(id).in"] : []))
        let inRow = try home.tamper {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM payloads WHERE body IS NOT NULL")
        }
        #expect(inRow == 1 - files)
        let claimed = try #require(try await store.claim(limit: 1).first)
        #expect(claimed.input == new.input)
        _ = try await store.complete(claimed.token, with: .output(floats * 4))
        #expect(try await store.output(id)?.body.count == floats * 4)
        #expect(try home.bodies().count == files, "the input has gone, the result has come")
        #expect(try await store.forget(id))
        #expect(try home.bodies().isEmpty)
        #expect(try await store.differences() == [])
    }

    @Test("inputs and results come back as they were, in whichever form they are kept", arguments: 0..<6)
    func forms(kind: Int) async throws {
        let features: [Float] =
            switch kind {
            case 0: []
            case 1: [0, -0.0, 1, 0.5, 65_504]
            case 2: [.nan, .infinity, 1e-30]
            case 3: [Float](repeating: 0, count: 50_000)
            case 4: (0..<50_000).map { Float($0 % 7) + 0.1 }
            default: (0..<90_000).map { Float($0 % 2_048) }
            }
        let home = try Home()
        let store = try home.open()
        let inputs = [JobBody(features), JobBody(JobBody(features).bytes(in: 0..<features.count * 4))]
        for input in inputs {
            let new = NewJob(kind: "sample", subject: JobSubject([]), input: input, model: "tiny")
            _ = try await store.insert(new)
        }
        let claimedLater = try await home.copy().open(seed: 2).claim(limit: 2)
        #expect(claimedLater.map(\.input) == inputs)
        #expect(claimedLater.first?.input.floats?.map(\.bitPattern) == features.map(\.bitPattern))
        #expect(claimedLater.last.map { $0.input.floats == nil } == true)
        let claimed = try #require(try await store.claim(limit: 1).first)
        _ = try await store.complete(claimed.token, with: .output(0))
        #expect(try await store.output(claimed.id) == JobOutput(body: []))
    }

    @Test("the file is whole before there is a row")
    func order() async throws {
        let home = try Home()
        let store = try home.open()
        let gate = await WriterGate(store.writer)
        let task = Task { try await store.insert(.large) }
        await store.writer.awaitWaiting(1)
        #expect(try home.bodies().count == 1)
        let file = try #require(try home.bodies().first)
        #expect(try Home.bytes(home.path + "/files/" + file).count == 4 * (64 << 10))
        #expect(try home.tamper { try Int.fetchOne($0, sql: "SELECT count(*) FROM payloads") } == 0)
        try await gate.open()
        #expect(try await "\(task.value.id).in" == file)
    }

    @Test("files that belong to nothing are swept at the start, those of jobs are not")
    func orphans() async throws {
        let home = try Home()
        var store: SQLiteJobStore? = try home.open()
        let ended = try #require(try await store?.finish(.of(seed: 2), with: .output(200_000)))
        let queued = try #require(try await store?.insert(.large).id)
        store = nil
        for name in ["01ARZ3NDEKTSV4RRFFQ69G5FAV.in", ".01ARZ3.in.abc.tmp", "\(ended).0.out"] {
            try Data([1]).write(to: URL(fileURLWithPath: home.path + "/files/" + name))
        }
        let next = try home.open(seed: 2)
        #expect(try home.bodies().count == 2)
        #expect(try await next.output(ended)?.body.count == 200_000)
        #expect(try await next.claim(limit: 1).map(\.id) == [queued])
    }

    @Test("a submission that is refused leaves no file")
    func refused() async throws {
        let home = try Home()
        let store = try home.open()
        let key = IdempotencyKey(client: "a", text: "k", fingerprint: "1")
        _ = try await store.submit(Submission(.of(), key: key))
        let other = IdempotencyKey(client: "a", text: "k", fingerprint: "2")
        await #expect(throws: JobStoreError.keyReused("k")) { try await store.submit(Submission(.large, key: other)) }
        store.close()
        await #expect(throws: JobStoreError.self) { try await store.insert(.large) }
        #expect(try home.bodies().isEmpty)
    }
}

/// A disk that gives files until it is told not to.
private final class Sectors: Sendable {
    private let code = Mutex<CInt>(0)

    func fail(with code: CInt) { self.code.withLock { $0 = code } }

    var read: OpenFile.Read {
        { file, bytes, count, offset in
            let code = self.code.withLock { $0 }
            guard code != 0 else { return OpenFile.systemRead(file, bytes, count, offset) }
            errno = code
            return -1
        }
    }
}

@Suite("queue.md 9: a flipped byte is noticed")
struct ChecksumTests {
    @Test("in a payload: that job fails by name, the next one is claimed in its place", arguments: [16, 64 << 10])
    func payload(floats: Int) async throws {
        let home = try Home()
        let store = try home.open()
        let bad = try await store.insert(.of(floats: floats)).id
        let good = try await store.insert(.of(floats: floats, seed: 2)).id
        if floats == 16 {
            try home.tamper { db in
                try db.execute(
                    sql: "UPDATE payloads SET body = CAST(x'FF' || substr(body, 2) AS BLOB) WHERE job = ?",
                    arguments: [Data(bad.bytes)])
            }
        } else {
            try Home.flip(home.path + "/files/\(bad).in", at: 99_999)
        }
        #expect(try await store.claim(limit: 1).map(\.id) == [good])
        let job = try await store.job(bad)
        #expect(job?.status == .failed && job?.failure?.reason == "damaged-job")
        #expect(job?.failure?.detail.contains("\(bad)") == true)
        #expect(try await store.expire().overdue.map(\.id) == [bad], "who waits for it is told")
        #expect(try await store.differences() == [])
    }

    @Test(
        "in the form or the size of a payload, or a file that is gone: that job fails, and nothing else happens",
        arguments: [
            "plain = 9223372036854775807", "plain = 60", "floats = 1 - floats, form = 1", "form = 1", "form = 3",
            "body = NULL",
            "options = x'01'",
        ])
    func shape(change: String) async throws {
        let home = try Home()
        let store = try home.open()
        let bad = try await store.insert(.of()).id
        try home.tamper { try $0.execute(sql: "UPDATE payloads SET " + change) }
        let good = try await store.insert(.of(seed: 2)).id
        #expect(try await store.claim(limit: 2).map(\.id) == [good])
        #expect(try await store.job(bad)?.failure?.reason == "damaged-job")
    }

    @Test("on a disk that can't give a body: its job fails, and the next one is claimed in its place")
    func sector() async throws {
        let home = try Home()
        let sectors = Sectors()
        let store = try home.open { $0.reading = sectors.read }
        let ended = try await store.finish(with: .output(200_000))
        let bad = try await store.insert(.large).id
        let good = try await store.insert(.of(seed: 2)).id
        sectors.fail(with: EIO)
        #expect(try await store.claim(limit: 1).map(\.id) == [good])
        let job = try await store.job(bad)
        #expect(job?.status == .failed && job?.failure?.reason == "damaged-job")
        let error = await #expect(throws: JobStoreError.self) { try await store.output(ended) }
        #expect(error?.description.contains("job \(ended) is damaged") == true)
        #expect(error?.description.contains("Input/output error") == true)
    }

    @Test("a body that can't be read for want of descriptors is no damage: its job has lost nothing")
    func descriptors() async throws {
        let sectors = Sectors()
        let store = try Home().open { $0.reading = sectors.read }
        let id = try await store.insert(.large).id
        sectors.fail(with: ENFILE)
        await #expect(throws: JobStoreError.self) { try await store.claim(limit: 1) }
        let job = try await store.job(id)
        #expect(job?.status == .queued && job?.attempt == 0)
        sectors.fail(with: 0)
        #expect(try await store.claim(limit: 1).map(\.id) == [id])
    }

    @Test("in a result: it is not given out, and the job is named", arguments: [1_000, 200_000])
    func result(bytes: Int) async throws {
        let home = try Home()
        let store = try home.open()
        let bad = try await store.finish(with: .output(bytes))
        let good = try await store.finish(.of(seed: 2), with: .output(bytes, of: 8))
        if bytes == 1_000 {
            try home.tamper { db in
                try db.execute(
                    sql: "UPDATE results SET body = CAST(x'FF' || substr(body, 2) AS BLOB) WHERE job = ?",
                    arguments: [Data(bad.bytes)])
            }
        } else {
            let file = try #require(try home.bodies().first { $0.hasPrefix("\(bad)") })
            try Home.flip(home.path + "/files/" + file, at: 77_777)
        }
        let error = await #expect(throws: JobStoreError.self) { try await store.output(bad) }
        #expect(error?.description.contains("job \(bad) is damaged") == true)
        #expect(try await store.output(good)?.body.first == 8)
        #expect(try await store.job(bad)?.status == .succeeded)
    }

    @Test(
        "in a row: what can't be read is named, and the others are listed",
        arguments: ["revision = 'x'", "created_at = x'00'", "client = x'FF'", "output_bytes = 'many'", "batch = x'01'"])
    func row(change: String) async throws {
        let home = try Home()
        let store = try home.open()
        let bad = try await store.finish()
        let good = try await store.finish(.of(seed: 2))
        try home.tamper { db in
            try db.execute(sql: "UPDATE jobs SET \(change) WHERE id = ?", arguments: [Data(bad.bytes)])
        }
        await #expect(throws: JobStoreError.self) { try await store.job(bad) }
        await #expect(throws: JobStoreError.self) { try await store.output(bad) }
        #expect(try await store.list(status: nil, limit: 9, before: nil).map(\.id) == [good])
        #expect(try await store.job(good)?.status == .succeeded)
    }
}
