/// What is queued and what was promised a place, kept below the limits.
///
/// The sum is never less than what the store holds: a job is counted before it is inserted, and counted out after it
/// was claimed or cancelled. Only a released job comes back without being asked.
struct QueueLedger: Sendable {
    struct Load: Sendable, Equatable {
        var jobs = 0
        var bytes = 0
        var parts = 0
    }

    let limits: Backlog.Limits
    private(set) var queued = Load()
    private(set) var reserved = Load()

    init(limits: Backlog.Limits) {
        self.limits = limits
    }

    func hasRoom(forBytes bytes: Int, jobs: Int = 1) -> Bool {
        let (places, held) = (queued.jobs + reserved.jobs, queued.bytes + reserved.bytes)
        return (jobs == 0 || places < limits.maxJobs) && held <= limits.maxBytes && bytes <= limits.maxBytes - held
    }

    mutating func reserve(bytes: Int, jobs: Int = 1) {
        reserved.jobs += jobs
        reserved.bytes += bytes
    }

    mutating func unreserve(bytes: Int, jobs: Int = 1) {
        reserved.jobs -= jobs
        reserved.bytes -= bytes
    }

    /// A job for which just its bytes were reserved is about to be inserted.
    mutating func enqueueReserved(_ load: Load) {
        unreserve(bytes: load.bytes)
        enqueue(load)
    }

    mutating func enqueue(_ load: Load) {
        queued.jobs += load.jobs
        queued.bytes += load.bytes
        queued.parts += load.parts
    }

    mutating func dequeue(_ load: Load) {
        queued.jobs -= load.jobs
        queued.bytes -= load.bytes
        queued.parts -= load.parts
    }

    /// About how many parts must be done before a job of `bytes` fits, taking the queued jobs as equal.
    func partsUntilRoom(forBytes bytes: Int) -> Double {
        guard queued.jobs > 0 else { return 0 }
        let jobsOver = max(queued.jobs + reserved.jobs + 1 - limits.maxJobs, 0)
        let bytesOver = max(queued.bytes + reserved.bytes - limits.maxBytes + min(bytes, limits.maxBytes), 0)
        let jobsForBytes = Double(bytesOver) * Double(queued.jobs) / Double(max(queued.bytes, 1))
        let leaving = min(max(Double(jobsOver), jobsForBytes.rounded(.up)), Double(queued.jobs))
        return leaving * Double(queued.parts) / Double(queued.jobs)
    }
}
