import Platform

/// What tells the server's own places does with a backlog.
extension Backlog {
    /// Up to `limit` notes of ended jobs that a place has to be told of; each counts as tried and has to be settled.
    public func takeAlerts(for place: String, limit: Int) async throws(JobStoreError) -> [AlertNote] {
        try await store.takeAlerts(for: place, limit: limit)
    }

    /// Says what came of telling a place of a job.
    public func settleAlert(
        of job: JobID, for place: String, _ verdict: CallbackVerdict
    ) async throws(JobStoreError) {
        try await store.settleAlert(of: job, for: place, verdict)
    }

    /// How far a place has been told of a job.
    public func alertMark(of job: JobID, for place: String) async throws(JobStoreError) -> [UInt8]? {
        try await store.alertMark(of: job, for: place)
    }

    /// Writes how far a place has been told of a job.
    public func setAlertMark(_ mark: [UInt8], of job: JobID, for place: String) async throws(JobStoreError) {
        try await store.setAlertMark(mark, of: job, for: place)
    }

    /// Returns when a job has ended that places are to be told of, or ``ringForAlerts()`` was called, or once `time` has gone by.
    public func waitForAlert(atMost time: Duration) async {
        let clock = clock
        let bell = alertBell
        let timer = Task {
            if (try? await clock.sleep(until: clock.now + time)) != nil { bell.ring() }
        }
        await bell.wait()
        timer.cancel()
    }

    /// Wakes whoever waits for something to tell.
    public func ringForAlerts() { alertBell.ring() }
}
