import Platform

/// That a job has ended, on its way to the address that its client gave.
///
/// It is stored with the job's end, in one step, and kept until it was delivered or given up; so long the job is kept too.
public struct CallbackNote: Sendable, Equatable {
    /// How long a job is kept for its note at most: whoever delivers gives up after a day.
    package static let longest = Duration.seconds(90_000)

    /// The job that has ended.
    public let job: Job
    /// Where to say so.
    public let url: String
    /// Which time this is, from 1.
    public let tries: Int
    /// How long ago the job ended.
    public let age: Duration

    /// A note that `job` has ended.
    package init(job: Job, url: String, tries: Int, age: Duration) {
        self.job = job
        self.url = url
        self.tries = tries
        self.age = age
    }

    /// Whom it goes to, as places are counted by: the URL up to its path, in small letters.
    public var receiver: String { Self.receiver(url) }

    /// A URL up to its path or query, in small letters.
    package static func receiver(_ url: String) -> String {
        // Beyond the slashes of https:// and the first letter of the host behind them, or behind those of http://.
        let end = url.utf8.dropFirst(8).firstIndex { $0 == ASCII.slash || $0 == ASCII.questionMark }
        return String(url[..<(end ?? url.endIndex)]).asciiLowercase
    }
}

/// What came of trying to deliver a note.
public enum CallbackVerdict: Sendable, Equatable {
    /// It arrived, or is given up: it is not needed any more.
    case settled
    /// It is tried again after this time.
    case retry(after: Duration)
    /// Nobody tried: it is due again in ``soon``.
    case untried

    /// How long a note waits that was taken and not tried.
    package static let soon = Duration.seconds(2)
}
