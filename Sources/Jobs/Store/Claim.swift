import Platform

/// The proof that its holder is the one who works on a job. It is good for one claim only.
public struct ClaimToken: Hashable, Sendable {
    /// The job that was claimed.
    public let job: JobID
    /// What tells this claim from every other.
    package let secret: UInt64

    package init(job: JobID, secret: UInt64) {
        self.job = job
        self.secret = secret
    }
}

/// How much is claimed at once.
public struct ClaimLimit: Sendable, Equatable {
    /// How many jobs at most.
    public var jobs: Int
    /// How many parts they may have together.
    public var parts: Int
    /// How many jobs are claimed whatever parts they have.
    public var least: Int
    /// How many of them may be long ones, whose parts do not count beside those of the others.
    public var long: Int
    /// How many of them may be long, or of kinds that one worker does most of; the parts of these do not count either.
    public var serial: Int

    /// Up to so many jobs, and beyond `least` of them only as long as their parts are few enough.
    public init(jobs: Int, parts: Int = .max, least: Int = 0, long: Int = .max, serial: Int = .max) {
        self.jobs = jobs
        self.parts = parts
        self.least = least
        self.long = long
        self.serial = serial
    }

    /// Whether a job of so many parts is a long one, which nobody shall have to wait for: it takes a minute or more.
    package static func isLong(parts: Int) -> Bool { parts >= 2_000 }

    /// Whether a job of so many parts may be claimed too.
    package func admits(parts: Int, in lane: Lane) -> Bool {
        guard jobs > 0 else { return false }
        return switch lane {
        case .long: long > 0
        case .serial: serial > 0
        case .short: least > 0 || parts <= self.parts
        }
    }

    /// Counts in a job that was claimed.
    package mutating func count(parts: Int, in lane: Lane) {
        jobs -= 1
        switch lane {
        case .long:
            long -= 1
            serial -= 1
        case .serial: serial -= 1
        case .short:
            least -= 1
            self.parts = max(self.parts - parts, 0)
        }
    }

    /// Those who wait with each other, and not for others.
    package enum Lane: Sendable, CaseIterable {
        /// What takes a minute or more.
        case long
        /// What one worker does most of, and is said to take less: nobody knows before it is done.
        case serial
        /// All else.
        case short

        package init(parts: Int, isSerial: Bool) {
            self = ClaimLimit.isLong(parts: parts) ? .long : isSerial ? .serial : .short
        }
    }
}

/// Who takes jobs that a store has claimed for it unasked, in the transaction of somebody else's step.
///
/// Its functions are called on the store's own thread, and must not block.
public protocol ClaimTaker: Sendable {
    /// How much it would claim now; nil for nothing. What it names is on its way to it until ``take(_:)`` is called, once.
    func room() -> ClaimLimit?

    /// Takes what was claimed, which is committed; nothing where it came to nothing.
    func take(_ claimed: [ClaimedJob])
}

/// A job in the hands of a worker.
///
/// One object, for a crew and its workers hand it on for each step.
public final class ClaimedJob: Sendable {
    /// What the holder shows to change the job.
    public let token: ClaimToken
    /// Which time the job is tried, from 1.
    public let attempt: Int
    /// What is to be done.
    public let kind: String
    /// What the job says of itself.
    public let subject: JobSubject
    /// What to work on.
    public let input: JobBody
    /// Its place in the queue.
    public let priority: Priority
    /// Who sent it.
    public let client: String
    /// Whose it is; nil where jobs are nobody's.
    public let owner: String?
    /// What whoever follows the request has said of it.
    public let trace: String?
    /// The model that is to do it.
    public let model: ModelID
    /// Into how many parts it is cut.
    public let parts: Int
    /// Whom it waited with.
    let lane: ClaimLimit.Lane
    /// What it was billed for of its input when it was claimed.
    let billedBytes: Int
    /// Whether it ran when a process ended, which it may have ended: it is worked on alone, until it has ended or, where it is
    /// long, has gone on.
    public let isSuspect: Bool
    /// When it is too late to begin with it.
    public let overdueAt: MonotonicTime?
    /// How long it was in the store when it was claimed.
    public let waited: Duration

    /// Its name.
    public var id: JobID { token.job }

    /// The claim on `record`'s job by its holder, at `now`; nil where nobody holds it.
    package init?(_ record: JobRecord, input: JobBody, now: MonotonicTime) {
        guard let token = record.holder else { return nil }
        self.token = token
        attempt = record.job.attempt
        kind = record.job.kind
        subject = record.job.subject
        self.input = input
        priority = record.job.priority
        client = record.job.client
        owner = record.job.owner
        trace = record.job.trace
        model = record.job.modelID
        parts = record.job.parts
        lane = record.lane
        billedBytes = record.job.inputBytes
        isSuspect = record.isSuspect
        overdueAt = record.overdueAt
        waited = now - record.insertedAt
    }
}

/// What a holder learns about its claim when it reports.
public enum ClaimStanding: Sendable, Equatable {
    /// Go on.
    case held
    /// Stop at the next part and complete the job as cancelled.
    case cancelRequested
    /// The job is not the caller's any more: stop, and say nothing.
    case lost
}

/// What came of renewing a claim.
public struct Renewal: Sendable, Equatable {
    /// What its holder shall do.
    public let standing: ClaimStanding
    /// The job, where the claim had run out, nobody else had the job, and it is the holder's again.
    package let regained: Job?

    package init(_ standing: ClaimStanding, regained: Job? = nil) {
        self.standing = standing
        self.regained = regained
    }
}

/// Why a claim is given back.
public enum Release: Sendable, Equatable {
    /// The process is leaving; the job is not at fault and the attempt does not count.
    case unspent
    /// The worker was lost; the attempt counts, and after the last one the job has failed.
    case lost
    /// What worked on it could not go on, for a reason that may be none the next time: the attempt counts, and after the last one the
    /// job has failed for it.
    case interrupted(String)
}

/// What came of cancelling a job; each case carries the job as it is now.
public enum CancelOutcome: Sendable, Equatable {
    /// It was queued, and has ended.
    case cancelled(Job)
    /// It is running, and its worker stops at the next part.
    case requested(Job)
    /// It had ended already and stays as it is.
    case alreadyEnded(Job)
    /// What is stored of it can't be read, so that nothing is left to be done with it but to forget it.
    case damaged
    /// There is no such job.
    case unknown
}
