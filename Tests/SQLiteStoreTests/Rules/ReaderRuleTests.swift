import Dispatch
import Foundation
import Jobs
import Synchronization
import Testing

@testable import SQLiteStore

/// Large results are read by few threads: what happens between the look at the row and the look at the file is arranged
/// by keeping those busy.
@Suite("Readers of large results", .timeLimit(.minutes(10)))
struct ReaderRuleTests {
    private final class Counter: Sendable {
        let count = Atomic(0)
    }

    /// All threads of a store, kept busy until they are let go.
    private final class BusyThreads: Sendable {
        private let gate = DispatchSemaphore(value: 0)
        private let tasks: [Task<Void, any Error>]
        private let store: SQLiteJobStore

        init(of store: SQLiteJobStore) async {
            self.store = store
            let begun = Counter()
            tasks = (0..<4).map { [gate] _ in
                Task {
                    try await store.threads.run { () throws(JobStoreError) in
                        begun.count.add(1, ordering: .relaxed)
                        gate.wait()
                    }
                }
            }
            while begun.count.load(ordering: .relaxed) < 4, !Task.isCancelled { await Task.yield() }
        }

        func waitFor(_ waiting: Int) async {
            while store.threads.waiting < waiting, !Task.isCancelled { await Task.yield() }
        }

        func letGo() async throws {
            for _ in tasks { gate.signal() }
            for task in tasks { try await task.value }
        }
    }

    private func finished(_ store: SQLiteJobStore) async throws -> JobID {
        try await store.finish(with: .output(300_000))
    }

    @Test("a result that is deleted between the look at its row and at its file is unknown, not damaged")
    func deleted() async throws {
        let home = try Home()
        let store = try home.open()
        let id = try await finished(store)
        let threads = await BusyThreads(of: store)
        let reading = Task { try await store.output(id) }
        await threads.waitFor(1)
        let forgetting = Task { try await store.forget(id) }
        await threads.waitFor(2)
        // As if the one who removes it were the quicker one.
        for name in try home.bodies() { try FileManager.default.removeItem(atPath: home.path + "/files/" + name) }
        try await threads.letGo()
        #expect(try await reading.value == nil)
        #expect(try await forgetting.value)
    }

    @Test("one that expires meanwhile is unknown too")
    func expired() async throws {
        let home = try Home()
        let clock = ManualClock()
        let store = try home.open(clock: clock)
        let id = try await finished(store)
        let threads = await BusyThreads(of: store)
        let reading = Task { try await store.output(id) }
        await threads.waitFor(1)
        clock.advance(by: .seconds(100_000))
        for name in try home.bodies() { try FileManager.default.removeItem(atPath: home.path + "/files/" + name) }
        try await threads.letGo()
        #expect(try await reading.value == nil)
    }

    @Test("one whose file is gone though its row is there is damaged, which the log is told with the file's name")
    func damaged() async throws {
        let home = try Home()
        let store = try home.open()
        let id = try await finished(store)
        for name in try home.bodies() { try FileManager.default.removeItem(atPath: home.path + "/files/" + name) }
        let error = await #expect(throws: JobStoreError.self) { try await store.output(id) }
        guard case .damaged(id, let detail) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(detail.contains(home.path))
    }

    @Test("readers that nobody waits for any more are dropped before a thread comes to them")
    func dropped() async throws {
        let home = try Home()
        let store = try home.open()
        let id = try await finished(store)
        let threads = await BusyThreads(of: store)
        let readers = (0..<100).map { _ in Task { try await store.output(id) } }
        await threads.waitFor(100)
        for reader in readers { reader.cancel() }
        for reader in readers { await #expect(throws: JobStoreError.self) { try await reader.value } }
        #expect(store.threads.waiting == 0)
        try await threads.letGo()
        #expect(try await store.output(id)?.body.count == 300_000)
    }

    @Test("a job whose input is gone fails without a word of where they were")
    func features() async throws {
        let home = try Home()
        let store = try home.open()
        let id = try await store.insert(.large).id
        for name in try home.bodies() { try FileManager.default.removeItem(atPath: home.path + "/files/" + name) }
        #expect(try await store.claim(limit: 1).isEmpty)
        let failure = try await store.job(id)?.failure
        #expect(failure?.reason == "damaged-job")
        #expect(failure?.detail.contains(home.path) == false && failure?.detail.contains("\(id)") == true)
    }
}
