/// The jobs that have not ended, by model, counted as they come and go.
///
/// A line a model, looked through from the first: there are few, and most jobs are of the same.
struct OpenBooks: Sendable, Equatable {
    private var lines: [(model: ModelID, jobs: OpenJobs)] = []

    static func == (left: OpenBooks, right: OpenBooks) -> Bool { left.counts == right.counts }

    /// How many there are.
    var counts: [ModelID: OpenJobs] { Dictionary(lines.map { ($0.model, $0.jobs) }) { first, _ in first } }

    /// Counts in a job.
    mutating func add(_ job: Job) { count(job, by: 1) }

    /// Counts out a job.
    mutating func remove(_ job: Job) { count(job, by: -1) }

    /// Counts a job as what it has become.
    mutating func change(_ job: Job, to next: Job) {
        guard job.status != next.status || job.modelSHA256 != next.modelSHA256 else { return }
        remove(job)
        add(next)
    }

    private mutating func count(_ job: Job, by one: Int) {
        guard !job.status.isEnded else { return }
        let model = job.modelID
        let index = lines.firstIndex { $0.model == model }
        if index == nil { lines.append((model, OpenJobs())) }
        let place = index ?? lines.count - 1
        if job.status == .queued { lines[place].jobs.queued += one } else { lines[place].jobs.running += one }
        if lines[place].jobs == OpenJobs() { lines.remove(at: place) }
    }
}
