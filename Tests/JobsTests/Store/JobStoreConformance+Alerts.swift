import Jobs
import Platform
import TestSupport
import Testing

/// What every store keeps of jobs that the server's own places have to be told of.
extension JobStoreConformance {
    private func end(_ store: any JobStore, _ places: [String]) async throws -> JobID {
        var new = NewJob.sample()
        new.alerts = places
        let id = try await store.insert(new).id
        let claimed = try #require(try await store.claim(limit: 1).first)
        _ = try await store.complete(claimed.token, with: .done)
        return id
    }

    @Test(
        "each place of a job has a note from the job's end on, and each is settled by itself",
        arguments: StoreUnderTest.all)
    func alerts(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open(resultTTL: .seconds(60))
        let job = try await end(store, ["mqtt", "webhook"])
        _ = try await end(store, [])
        #expect(store.waitingAlerts == 2)
        #expect(try await store.job(job)?.alerts == ["mqtt", "webhook"])
        let notes = try await store.takeAlerts(for: "mqtt", limit: 9)
        #expect(notes.map(\.job.id) == [job] && notes.map(\.tries) == [1] && notes.map(\.place) == ["mqtt"])
        #expect(try await store.takeAlerts(for: "mqtt", limit: 9).isEmpty)
        #expect(try await store.takeAlerts(for: "frigate", limit: 9).isEmpty)
        try await store.settleAlert(of: job, for: "mqtt", .retry(after: .seconds(5)))
        #expect(try await store.takeAlerts(for: "mqtt", limit: 9).isEmpty)
        clock.advance(by: .seconds(5))
        #expect(try await store.takeAlerts(for: "mqtt", limit: 9).map(\.tries) == [2])
        try await store.settleAlert(of: job, for: "mqtt", .settled)
        #expect(store.waitingAlerts == 1)
        // The other place has to be told still: the job is kept for it.
        clock.advance(by: .seconds(60))
        _ = try await store.expire()
        #expect(try await store.job(job) != nil)
        #expect(try await store.takeAlerts(for: "webhook", limit: 9).map(\.age) == [.seconds(65)])
        try await store.settleAlert(of: job, for: "webhook", .settled)
        #expect(store.waitingAlerts == 0)
        _ = try await store.expire()
        #expect(try await store.job(job) == nil)
    }

    @Test(
        "of many that are due the oldest are taken and as many of the newest, so that nothing new stands behind what can't be told",
        arguments: StoreUnderTest.all)
    func alertsFromBothEnds(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        var jobs: [JobID] = []
        for _ in 0..<7 {
            jobs.append(try await end(store, ["mqtt"]))
            clock.advance(by: .seconds(1))
        }
        #expect(Set(try await store.takeAlerts(for: "mqtt", limit: 4).map(\.job.id)) == Set(jobs[..<2] + jobs[5...]))
        #expect(try await store.takeAlerts(for: "mqtt", limit: 1).map(\.job.id) == [jobs[2]])
        #expect(Set(try await store.takeAlerts(for: "mqtt", limit: 4).map(\.job.id)) == Set(jobs[3...4]))
    }

    @Test("what is new is taken though others were put back after it", arguments: StoreUnderTest.all)
    func newAlerts(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        for _ in 0..<6 {
            _ = try await end(store, ["mqtt"])
            clock.advance(by: .seconds(1))
        }
        let refused = try await store.takeAlerts(for: "mqtt", limit: 4).map(\.job.id)
        let new = try await end(store, ["mqtt"])
        for job in refused { try await store.settleAlert(of: job, for: "mqtt", .retry(after: .seconds(1))) }
        clock.advance(by: .seconds(2))
        #expect(try await store.takeAlerts(for: "mqtt", limit: 4).map(\.job.id).contains(new))
    }

    @Test(
        "a note that nobody settles is due again, and one of a job that is forgotten goes with it",
        arguments: StoreUnderTest.all)
    func alertLeases(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        let job = try await end(store, ["mqtt"])
        _ = try await store.takeAlerts(for: "mqtt", limit: 9)
        clock.advance(by: .seconds(120))
        #expect(try await store.takeAlerts(for: "mqtt", limit: 9).map(\.tries) == [2])
        #expect(try await store.forget(job))
        #expect(store.waitingAlerts == 0)
        clock.advance(by: .seconds(120))
        #expect(try await store.takeAlerts(for: "mqtt", limit: 9).isEmpty)
    }

    @Test(
        "a mark is kept beside the note, can come before it, and never without its job", arguments: StoreUnderTest.all)
    func alertMarks(kind: StoreUnderTest) async throws {
        let (store, _) = try await kind.open()
        var new = NewJob.sample()
        new.alerts = ["mqtt"]
        let id = try await store.insert(new).id
        let claimed = try #require(try await store.claim(limit: 1).first)
        #expect(try await store.alertMark(of: id, for: "mqtt") == nil)
        try await store.setAlertMark([1], of: id, for: "mqtt")
        try await store.setAlertMark([2, 3], of: id, for: "mqtt")
        #expect(try await store.alertMark(of: id, for: "mqtt") == [2, 3])
        #expect(store.waitingAlerts == 0)
        #expect(try await store.takeAlerts(for: "mqtt", limit: 9).isEmpty, "the job runs")
        _ = try await store.complete(claimed.token, with: .done)
        #expect(store.waitingAlerts == 1)
        #expect(try await store.takeAlerts(for: "mqtt", limit: 9).map(\.job.id) == [id])
        #expect(try await store.alertMark(of: id, for: "mqtt") == [2, 3])
        try await store.settleAlert(of: id, for: "mqtt", .settled)
        try await store.setAlertMark([4], of: id, for: "mqtt")
        #expect(try await store.alertMark(of: id, for: "mqtt") == nil)
        #expect(store.waitingAlerts == 0)
    }

    @Test("notes that were taken and marks outlast the process", arguments: StoreUnderTest.all)
    func alertsAfterCrash(kind: StoreUnderTest) async throws {
        guard let afterCrash = kind.afterCrash else { return }
        let clock = ManualClock()
        let settings = MemoryJobStore.Settings()
        let store = try await kind.make(settings, clock, SeededRandom(seed: 1))
        let job = try await end(store, ["mqtt"])
        _ = try await store.takeAlerts(for: "mqtt", limit: 9)
        try await store.setAlertMark([7], of: job, for: "mqtt")
        let next = try await afterCrash(store, settings, clock, SeededRandom(seed: 2))
        // Whoever took it may be there still.
        if kind.isShared { clock.advance(by: .seconds(120)) }
        #expect(next.waitingAlerts == 1)
        #expect(try await next.takeAlerts(for: "mqtt", limit: 9).map(\.job.id) == [job])
        #expect(try await next.alertMark(of: job, for: "mqtt") == [7])
    }
}
