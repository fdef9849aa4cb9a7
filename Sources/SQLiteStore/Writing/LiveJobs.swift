import Jobs

/// The jobs that have not ended, as the last step of the writer left them.
///
/// It may be a moment ahead of the disk, never in a way that matters: what a caller is told comes after the commit, and a
/// job that has ended is in here no more, so that whoever asks for it is shown what the disk says.
struct LiveJobs: Sendable {
    var table: JobTable
    var generator: JobIDGenerator
    /// Which models are served, as the last transaction that said so has it.
    var served = JobTable.Served()
    /// What the transaction that is not committed yet says of that.
    var servedToCommit: JobTable.Served?
    /// The jobs that were too late, until somebody is told.
    var overdue: [Ended] = []
    /// Those of the transaction that is not committed yet.
    var overdueToCommit: [Ended] = []
    /// What the disk has beside.
    var tally = StoreTally()
    /// What the transaction that is not committed yet changes of that.
    var tallyToCommit = StoreTally()

    init(settings: JobTable.Settings, generator: JobIDGenerator) {
        table = JobTable(settings: settings)
        self.generator = generator
    }
}
