/// That a job has ended and one of the server's own places has to be told what was found in it.
///
/// As a ``CallbackNote`` it is stored with the job's end, in one step, and kept until the place has been told or that was
/// given up; so long the job is kept too. Beside it there is a mark, by which whoever tells remembers how far that has come: it
/// can be there before the job has ended.
public struct AlertNote: Sendable, Equatable {
    /// The job that has ended.
    public let job: Job
    /// Who has to be told.
    public let place: String
    /// Which time this is, from 1.
    public let tries: Int
    /// How long ago the job ended.
    public let age: Duration

    /// How many of so many that are taken at once are those that have waited the least: what a place does not take then stands
    /// before nothing that is new.
    package static func newest(of limit: Int) -> Int { limit / 2 }

    /// A note that `job` has ended.
    package init(job: Job, place: String, tries: Int, age: Duration) {
        self.job = job
        self.place = place
        self.tries = tries
        self.age = age
    }
}
