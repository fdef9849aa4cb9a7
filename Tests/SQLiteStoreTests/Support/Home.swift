import Foundation
import GRDB
import Jobs
import Logging
import TestSupport

@testable import SQLiteStore

/// A state folder, which goes with the process.
struct Home: Sendable {
    let path: String

    init() throws {
        path = Paths.scratch + "/state-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    var database: String { path + "/jobs.sqlite" }

    /// Opens the store as a process would that has just started. No input is held in memory, so that all are read.
    func open(
        clock: any JobClock = ManualClock(), seed: UInt64 = 1, logger: Logger = Logger(label: "test"),
        change: (inout SQLiteJobStore.Settings) -> Void = { _ in }
    ) throws(StateError) -> SQLiteJobStore {
        var settings = SQLiteJobStore.Settings()
        settings.durability = .normal
        settings.cacheBytes = 0
        change(&settings)
        return try SQLiteJobStore(
            folder: Self.lock(path), settings: settings, clock: clock, random: SeededRandom(seed: seed),
            logger: logger)
    }

    /// Takes a folder. A thread that did something for a store may hold it for a moment longer than the test that closed it.
    static func lock(_ path: String) throws(StateError) -> StateFolder {
        for _ in 0..<50_000 {
            do throws(StateError) { return try StateFolder(path) } catch {
                guard case .inUse = error else { throw error }
                sched_yield()
            }
        }
        return try StateFolder(path)
    }

    /// What is on the disk now, as it would be found if the process ended here; but for the ballast, whose 16 MiB say nothing.
    func copy() throws -> Home {
        let other = try Home()
        for name in try FileManager.default.contentsOfDirectory(atPath: path) where name != "lock" && name != "ballast"
        {
            try FileManager.default.copyItem(atPath: path + "/" + name, toPath: other.path + "/" + name)
        }
        return other
    }

    /// The files of large bodies, by name.
    func bodies() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path + "/files").sorted() }

    /// Works on the database with a connection of its own, as somebody might who is not Vigil.
    func tamper<Value>(_ body: (Database) throws -> Value) throws -> Value {
        var configuration = Configuration()
        configuration.busyMode = .immediateError
        configuration.allowsUnsafeTransactions = true
        return try DatabaseQueue(path: database, configuration: configuration).inDatabase(body)
    }

    /// Takes the write lock of the database away until the queue that is returned goes or ends its transaction.
    func lock() throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let queue = try DatabaseQueue(path: database, configuration: configuration)
        try queue.inDatabase { try $0.execute(sql: "BEGIN IMMEDIATE") }
        return queue
    }

    /// Changes a byte of a file.
    static func flip(_ path: String, at place: Int) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[place] ^= 0x10
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    static func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }
}

extension NewJob {
    /// A job of so many numbers that neither half precision nor deflating makes smaller.
    static func of(
        floats: Int = 16, seed: UInt64 = 1, client: String = "somebody", outputEstimate: Int = 0
    ) -> NewJob {
        var random = SeededRandom(seed: seed)
        return NewJob(
            kind: "sample", subject: JobSubject([1, 2]), input: JobBody(random.floats(floats)), client: client,
            model: "tiny", outputEstimate: outputEstimate)
    }

    static let large = NewJob.of(floats: 64 << 10)
}

extension JobOutcome {
    static func output(_ count: Int, of value: UInt8 = 7) -> JobOutcome {
        .succeeded(JobOutput(body: [UInt8](repeating: value, count: count)))
    }

    static let done = JobOutcome.output(10)
}

extension JobStore {
    func complete(_ token: ClaimToken, with outcome: JobOutcome) async throws -> Job? {
        try await complete(token, with: outcome, timings: nil)
    }

    /// Inserts a job, works on it and ends it.
    func finish(_ new: NewJob = .of(), with outcome: JobOutcome = .done) async throws -> JobID {
        let id = try await insert(new).id
        for claimed in try await claim(limit: 1) { _ = try await complete(claimed.token, with: outcome) }
        return id
    }
}
