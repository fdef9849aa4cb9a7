/// What people have put beside a job that has ended. A store keeps it as it came, and only its writer knows what it means.
public struct JobRemarks: Sendable, Equatable {
    /// The most bytes that one job has.
    public static let mostBytes = 256 << 10

    /// What was put there last.
    public let bytes: [UInt8]
    /// How often something was put there, from 1.
    public let revision: Int

    /// Remarks, which are the first unless it is said.
    public init(_ bytes: [UInt8], revision: Int = 1) {
        self.bytes = bytes
        self.revision = revision
    }
}

/// What came of putting remarks beside a job.
public enum RemarkOutcome: Sendable, Equatable {
    /// They are there, as often as they say.
    case kept(JobRemarks)
    /// Nothing was done: there are others than those that were to be replaced, or for nil none.
    case changed(JobRemarks?)
    /// There is no such job, or it has not ended.
    case unknown
}

/// The remarks of the jobs in memory, and how much they take.
struct RemarkShelf: Sendable {
    private var remarks: [JobID: JobRemarks] = [:]
    private(set) var bytes = 0

    subscript(id: JobID) -> JobRemarks? { remarks[id] }

    mutating func put(_ new: JobRemarks, beside id: JobID) {
        remove(id)
        remarks[id] = new
        bytes += new.bytes.count
    }

    mutating func remove(_ id: JobID) {
        bytes -= remarks.removeValue(forKey: id)?.bytes.count ?? 0
    }
}
