import Platform

/// What delivers callbacks does with a backlog.
extension Backlog {
    /// Up to `limit` notes whose time has come and that have room; each counts as tried and has to be settled.
    public func takeCallbacks(
        limit: Int, within room: CallbackRoom
    ) async throws(JobStoreError) -> [CallbackNote] {
        try await store.takeCallbacks(limit: limit, within: room)
    }

    /// Says what came of trying to deliver a note.
    public func settleCallback(of job: JobID, _ verdict: CallbackVerdict) async throws(JobStoreError) {
        try await store.settleCallback(of: job, verdict)
    }

    /// Returns when a job with a callback has ended, or once `time` has gone by.
    public func waitForCallback(atMost time: Duration) async {
        let clock = clock
        let bell = callbackBell
        let timer = Task {
            if (try? await clock.sleep(until: clock.now + time)) != nil { bell.ring() }
        }
        await bell.wait()
        timer.cancel()
    }

    /// Wakes whoever waits for a callback.
    public func ringForCallbacks() { callbackBell.ring() }
}
