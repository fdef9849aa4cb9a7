import Foundation
import Jobs
import TestSupport
import Testing

@testable import SQLiteStore

/// A folder with jobs of all kinds, and what was accepted into it.
struct Accepted {
    let home: Home
    /// What each job was when its folder was left.
    private var jobs: [Job] = []
    private var inputs: [JobID: JobBody] = [:]
    private var key: IdempotencyKey

    /// - Parameter isClosed: in order; otherwise as if the process had been killed
    init(isClosed: Bool) async throws {
        let made = try Home()
        let store = try made.open()
        key = IdempotencyKey(client: "a", text: "key", fingerprint: "f")
        for seed in 1...12 {
            var new = NewJob.of(floats: seed == 8 ? 64 << 10 : 800, seed: UInt64(seed))
            new.name = "video \(seed)"
            let submission = Submission(new, key: seed == 12 ? key : nil)
            let job = try #require(try await store.submit(submission).jobs.first)
            inputs[job.id] = new.input
            if seed <= 6, let claimed = try await store.claim(limit: 1).first {
                _ = try await store.complete(claimed.token, with: .output(seed == 5 ? 200_000 : 900))
            }
        }
        for id in inputs.keys.sorted() { jobs.append(try #require(try await store.job(id))) }
        if isClosed { store.close() }
        home = try made.copy()
        store.close()
        try? FileManager.default.removeItem(atPath: home.path + "/ballast")
        try FileManager.default.removeItem(atPath: made.path)
    }

    /// The files of the folder, but the lock and what SQLite makes anew of the others.
    func files() throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: home.path).filter { name in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: home.path + "/" + name, isDirectory: &isFolder)
                && !isFolder.boolValue && name != "lock" && !name.hasSuffix("-shm")
        }.sorted()
    }

    /// What is in the files.
    func contents() throws -> [String: Data] {
        try Dictionary(uniqueKeysWithValues: files().map { ($0, try Home.bytes(home.path + "/" + $0)) })
            .filter { !($0.key.hasSuffix("-wal") && $0.value.isEmpty) }
    }

    /// What came of opening a folder that was damaged.
    enum Verdict: Equatable {
        /// Refused by name, and left as it was.
        case refused
        /// All that was accepted is there, or told of by its name.
        case whole
        /// What is missing or wrong without a word.
        case silent(String)
    }

    /// Opens the folder, once, and looks for all that was accepted.
    func verdict() async throws -> Verdict {
        let before = try contents()
        let opened = Result { try home.open(seed: 2) }
        guard case .success(let store) = opened else { return try refusal(opened, before) }
        let verdict = try await verdict(on: store)
        store.close()
        return verdict
    }

    private func refusal(_ opened: Result<SQLiteJobStore, any Error>, _ before: [String: Data]) throws -> Verdict {
        guard case .failure(let error) = opened, case .damaged? = error as? StateError else {
            return .silent("refused as \(opened)")
        }
        let after = try contents()
        let changed = Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }
        return changed.isEmpty ? .refused : .silent("refused, and changed \(changed.sorted())")
    }

    /// The bytes of a result; nil where it is told that it is damaged.
    private func resultBytes(_ id: JobID, of store: SQLiteJobStore) async throws -> Int? {
        do { return try await store.output(id, fetching: true)?.body.count ?? 0 } catch {
            guard case .damaged = error else { throw error }
            return nil
        }
    }

    private func verdict(on store: SQLiteJobStore) async throws -> Verdict {
        for known in jobs {
            guard let job = try await store.job(known.id) else { return .silent("job \(known.id) is gone") }
            let status: JobStatus = known.status == .running ? .queued : known.status
            guard job.status == status, job.name == known.name, job.client == known.client, job.model == known.model
            else { return .silent("job \(known.id) is \(job), was \(known)") }
            guard status == .succeeded else { continue }
            if let size = try await resultBytes(known.id, of: store), size != known.outputBytes {
                return .silent("the result of \(known.id) has \(size) bytes")
            }
        }
        for claimed in try await store.claim(limit: 100) where claimed.input != inputs[claimed.id] {
            return .silent("the input of \(claimed.id) is another")
        }
        for known in jobs where known.status == .queued {
            guard let job = try await store.job(known.id) else { return .silent("job \(known.id) went") }
            guard job.status == .running || job.failure?.reason == "damaged-job" else {
                return .silent("job \(known.id) is \(job)")
            }
        }
        let again = try await store.submit(Submission(.of(floats: 800, seed: 12), key: key))
        return again.origin == .replayed ? .whole : .silent("the key was taken anew")
    }

    /// Runs trials that each damage a copy, and returns those that lost something in silence.
    func trials(_ count: Int, _ damage: (Int, Home) throws -> String?) async throws -> [String] {
        var faults: [String] = []
        for number in 0..<count {
            var trial = self
            trial = Accepted(copying: trial, to: try home.copy())
            defer { try? FileManager.default.removeItem(atPath: trial.home.path) }
            guard let what = try damage(number, trial.home) else { continue }
            if case .silent(let why) = try await trial.verdict() { faults.append("\(what): \(why)") }
        }
        return faults
    }

    private init(copying other: Accepted, to home: Home) {
        self.home = home
        (jobs, inputs, key) = (other.jobs, other.inputs, other.key)
    }
}
