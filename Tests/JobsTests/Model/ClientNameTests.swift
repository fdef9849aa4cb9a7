import Platform
import Testing

@testable import Jobs

/// Names that Unicode calls equal and whose bytes are not.
@Suite("Clients, keys and digests are told apart by their bytes")
struct ClientNameTests {
    static let names = ["\u{212B}", "A\u{30A}", "\u{C5}"]

    private func job(of client: String) -> NewJob {
        var new = NewJob.sample()
        new.client = client
        return new
    }

    @Test("each has a line of its own in the queue, and its turn")
    func queue() {
        var generator = JobIDGenerator()
        var random = SystemRandomNumberGenerator()
        var queue = FairQueue(headStart: .seconds(20))
        var ids: [JobID] = []
        for (index, client) in ([Self.names[0]] + Self.names).enumerated() {
            let id = generator.next(at: WallTime(milliseconds: 1_000 + Int64(index)), using: &random)
            let time = MonotonicTime(nanoseconds: Int64(index))
            queue.insert(queue.entry(id, parts: 1, priority: .normal, queuedAt: time), of: client)
            ids.append(id)
        }
        #expect(queue.clients == 3)
        // The first client's second job waits for one of each other.
        #expect(queue.order == [ids[0], ids[2], ids[3], ids[1]])
    }

    @Test("each has its own share, and its own keys")
    func shares() async throws {
        let store = MemoryJobStore(clock: ManualClock())
        var limits = Backlog.Limits(maxJobs: 10)
        limits.maxJobsPerClient = 1
        let backlog = Backlog(store: store, limits: limits, clock: ManualClock())
        var jobs: Set<JobID> = []
        for client in Self.names {
            let key = IdempotencyKey(client: client, text: "one", fingerprint: client == Self.names[0] ? "a" : "b")
            let receipt = try await backlog.submit(Submission(job(of: client), key: key))
            #expect(receipt.origin == .new)
            jobs.formUnion(receipt.jobs.map(\.id))
        }
        #expect(jobs.count == 3)
        #expect(try await store.counts().queuedByClient.count == 3)
        await #expect(throws: (any Error).self) { try await backlog.submit(job(of: Self.names[1])) }
        var filter = JobFilter()
        filter.client = Self.names[0]
        #expect(try await store.list(filter, limit: 10, before: nil).count == 1)
        #expect(backlog.metrics.queuedJobs == 3)
    }

    @Test("a model's digest and name are")
    func models() {
        let served = ServedModels(["aa": Self.names[0]])
        #expect(served.digest(for: ModelID(name: Self.names[0], sha256: nil)) == "aa")
        #expect(served.digest(for: ModelID(name: Self.names[1], sha256: nil)) == nil)
        #expect(Set(Self.names.map { ModelID(name: $0, sha256: nil) }).count == 3)
    }
}
