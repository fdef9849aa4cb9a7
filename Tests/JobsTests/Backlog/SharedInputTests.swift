import Platform
import TestSupport
import Testing

@testable import Jobs

@Suite("An input that several jobs have counts once", .timeLimit(.minutes(10)))
struct SharedInputTests {
    private static let words = 25
    private static let bytes = 4 * words

    /// Jobs of one input for several models.
    private func shared(_ count: Int, subject: UInt8 = 1) -> Submission {
        let first = NewJob.sample(of: "m0", words: Self.words, subject: [subject])
        return Submission(
            batch: (0..<count).map { number in
                var new = first
                new.modelSHA256 = "m\(number)"
                return new
            })
    }

    private func backlog(_ kind: StoreUnderTest) async throws -> (backlog: Backlog, store: any JobStore) {
        let (store, clock) = try await kind.open()
        let limits = Backlog.Limits(maxJobs: 100, maxBytes: 3 * Self.bytes)
        return (Backlog(store: store, limits: limits, clock: clock), store)
    }

    private func expectBytes(_ bytes: Int, in backlog: Backlog, _ store: any JobStore) async throws {
        #expect(backlog.metrics.queuedBytes == bytes)
        #expect(try await store.counts().queuedBytes == bytes)
    }

    @Test("against the limit, whatever the number of jobs", arguments: StoreUnderTest.all)
    func limit(kind: StoreUnderTest) async throws {
        let (backlog, store) = try await backlog(kind)
        for (count, subject) in [(7, 1), (3, 2), (1, 3)] as [(Int, UInt8)] {
            _ = try await backlog.submit(shared(count, subject: subject))
        }
        try await expectBytes(3 * Self.bytes, in: backlog, store)
        await #expect(throws: SubmitError.self) { try await backlog.submit(shared(2, subject: 4)) }
        try await expectBytes(3 * Self.bytes, in: backlog, store)
    }

    @Test(
        "until the last of them is begun or cancelled", arguments: StoreUnderTest.all, [[], [0, 1], [2, 1, 0], [3]])
    func last(kind: StoreUnderTest, cancelled: [Int]) async throws {
        let (backlog, store) = try await backlog(kind)
        let jobs = try await backlog.submit(shared(4)).jobs
        for number in cancelled {
            _ = try await backlog.cancel(jobs[number].id)
            try await expectBytes(Self.bytes, in: backlog, store)
        }
        for left in (0..<jobs.count - cancelled.count).reversed() {
            let claimed = try #require(try await backlog.claim(limit: 1).first)
            #expect(claimed.input.count == Self.bytes)
            try await expectBytes(left == 0 ? 0 : Self.bytes, in: backlog, store)
            try await backlog.complete(claimed.token, with: .done, timings: nil)
        }
        #expect(backlog.metrics.queuedJobs == 0)
    }

    @Test("also where one is given back, or waits for its model", arguments: StoreUnderTest.all)
    func back(kind: StoreUnderTest) async throws {
        let (backlog, store) = try await backlog(kind)
        let all = ServedModels(["m0": "tiny", "m1": "tiny", "m2": "tiny", "m3": "tiny"])
        try await backlog.serve(all, missing: .wait)
        _ = try await backlog.submit(shared(4))
        let claimed = try #require(try await backlog.claim(limit: 1).first)
        try await backlog.release(claimed.token, as: .unspent)
        try await expectBytes(Self.bytes, in: backlog, store)
        try await backlog.serve(ServedModels(["m0": "tiny", "m3": "tiny"]), missing: .wait)
        let now = try await backlog.claim(limit: 9)
        #expect(now.count == 2 && backlog.metrics.queuedBytes == 0, "what waits for a model counts nowhere")
        try await backlog.serve(all, missing: .wait)
        let rest = try await store.counts().queuedBytes
        #expect(backlog.metrics.queuedBytes == rest && rest > 0 && rest <= Self.bytes)
        #expect(try await backlog.claim(limit: 9).count == 2)
        try await expectBytes(0, in: backlog, store)
    }

    @Test("the same for the process that goes on with them")
    func afterCrash() async throws {
        let clock = ManualClock()
        let settings = MemoryJobStore.Settings()
        let folder = try StoreFolder()
        let store = try folder.open(settings, clock)
        _ = try await store.submit(shared(4))
        _ = try await store.claim(ClaimLimit(jobs: 2))
        let next = try folder.copy().open(settings, clock)
        #expect(try await next.counts().queued == 4)
        #expect(try await next.counts().queuedBytes == Self.bytes)
    }

    @Test("against what an account may hand in a day", arguments: StoreUnderTest.all)
    func quota(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var submission = shared(5)
        submission.account = Account(name: "a", quota: DailyQuota(bytes: Self.bytes))
        _ = try await store.submit(submission)
        #expect(try await store.usage(of: "a")?.bytes == Self.bytes)
    }

    @Test("but not for jobs that merely say the same of themselves")
    func alike() {
        let jobs = (0..<3).map { _ in NewJob.sample(words: Self.words, subject: [1]) }
        #expect(Submission(batch: jobs).load.bytes == 3 * Self.bytes)
        #expect(Submission(batch: []).load.bytes == 0)
    }
}
