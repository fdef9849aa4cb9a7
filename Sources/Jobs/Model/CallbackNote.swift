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
    /// Nobody tried: it is due again in `soon`.
    case untried

    /// How long a note waits that was taken and not tried.
    package static let soon = Duration.seconds(2)
}

/// How many notes may be on their way at a time, in all and to one receiver, and how many are. What finds no room is not
/// taken, so that a slow receiver's notes, however many are due, cost nothing but their place in the store.
public struct CallbackRoom: Sendable {
    private let most: Int
    private let perReceiver: Int
    private let failedPerReceiver: Int
    private var receivers: [ByteText: Int] = [:]
    /// The notes that are on their way.
    package private(set) var count = 0

    /// - Parameters:
    ///   - most: notes on their way
    ///   - perReceiver: of these to one receiver
    ///   - failedPerReceiver: a note that failed before goes only where its receiver has fewer than so many, so that such
    ///     notes don't keep those from it that are new
    public init(most: Int, perReceiver: Int, failedPerReceiver: Int) {
        self.most = most
        self.perReceiver = perReceiver
        self.failedPerReceiver = failedPerReceiver
    }

    /// Room for all notes.
    public static let unlimited = CallbackRoom(most: .max, perReceiver: .max, failedPerReceiver: .max)

    /// How many more notes may go to a receiver now.
    package func left(to receiver: String, failed: Bool) -> Int {
        let places = failed ? failedPerReceiver : perReceiver
        return max(0, min(places - receivers[ByteText(receiver), default: 0], most - count))
    }

    /// Counts a note in; false where there is no room.
    public mutating func add(_ receiver: String, failed: Bool) -> Bool {
        guard left(to: receiver, failed: failed) > 0 else { return false }
        receivers[ByteText(receiver), default: 0] += 1
        count += 1
        return true
    }

    /// Counts a note out that was counted in.
    public mutating func remove(_ receiver: String) {
        let left = receivers[ByteText(receiver), default: 1] - 1
        receivers[receiver] = left > 0 ? left : nil
        count -= 1
    }

    /// Up to `limit` of the notes, in their order, that there is room for beside each other.
    package func fitting<Note>(
        _ notes: [Note], limit: Int, _ place: (Note) -> (receiver: String, failed: Bool)
    ) -> [Note] {
        var room = self
        var fitting: [Note] = []
        for note in notes where fitting.count < limit {
            let (receiver, failed) = place(note)
            if room.add(receiver, failed: failed) { fitting.append(note) }
        }
        return fitting
    }
}
