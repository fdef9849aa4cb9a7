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

    /// Whom it goes to, as places are counted by: the host, whatever the port, since a host is what is slow.
    public var receiver: String { Self.receiver(url) }

    /// The host of a URL, in small letters.
    package static func receiver(_ url: String) -> String {
        let slashes = Array("//".utf8)
        let start = url.utf8.firstRange(of: slashes)?.upperBound ?? url.utf8.index(after: url.utf8.startIndex)
        let authority = url.utf8[start...].prefix { $0 != ASCII.slash && $0 != ASCII.questionMark }
        let host: Substring.UTF8View
        if authority.first == UInt8(ascii: "[") {
            let end = authority.firstIndex(of: UInt8(ascii: "]"))
            host = end.map { authority[...$0] } ?? authority.prefix(0)
        } else {
            host = authority.prefix { $0 != UInt8(ascii: ":") }
        }
        return String(Substring(host)).asciiLowercase
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
