/// What a store keeps for whoever tells the server's own places of jobs.
public protocol AlertBooks: Sendable {
    /// Up to `limit` notes of jobs that a place has to be told of and whose time has come: those that have waited the longest,
    /// and half of them those of the newest jobs. Each counts as tried, and is nobody else's for a while; nothing is
    /// committed where there is none.
    func takeAlerts(for place: String, limit: Int) async throws(JobStoreError) -> [AlertNote]

    /// Says what came of telling a place of a job.
    func settleAlert(of job: JobID, for place: String, _ verdict: CallbackVerdict) async throws(JobStoreError)

    /// How far a place has been told of a job, as whoever tells has written it; nil where nothing was.
    func alertMark(of job: JobID, for place: String) async throws(JobStoreError) -> [UInt8]?

    /// Writes how far a place has been told of a job; nothing where there is no job that runs, and no note of one.
    func setAlertMark(_ mark: [UInt8], of job: JobID, for place: String) async throws(JobStoreError)

    /// How many notes of jobs wait to be told to places, as it is kept count of; nil where nobody counts.
    var waitingAlerts: Int? { get }
}

extension AlertBooks {
    /// Nobody counts.
    public var waitingAlerts: Int? { nil }
}
