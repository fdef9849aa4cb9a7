import JSON
import Platform

/// Something that was done, and by whom: what a line of the audit log says beside its place.
public struct AuditEntry: Sendable, Equatable {
    /// What was done.
    public enum Action: String, Sendable {
        /// A server began to keep the log, or to go on with it.
        case start
        /// It ended, and has said all.
        case stop
        /// Jobs were handed in.
        case submit
        /// Scores were given out.
        case read
        /// Somebody said what a job's events are.
        case review
        /// A job or a batch was cancelled or forgotten.
        case delete
        /// What is served under a model's name was changed.
        case change
        /// Requests were refused before anything was looked for.
        case refuse
        /// Some of what was done is not in the log, as it could not be written for long.
        case gap
        /// A server found a job that was handed in and of which the log had no line.
        case recovered
    }

    /// What was done.
    public var action: Action
    /// The name of the API key; nil where none was asked for.
    public var key: String?
    /// Where the request came from.
    public var address: String?
    /// The method of a request that was refused.
    public var method: String?
    /// The pattern of its path, where it has a route.
    public var route: String?
    /// The request's id.
    public var requestID: String?
    /// The trace that the request belongs to.
    public var traceID: String?
    /// The job.
    public var job: String?
    /// The batch.
    public var batch: String?
    /// Whose the job is, where no request tells that.
    public var owner: String?
    /// The name of the job's model.
    public var model: String?
    /// The SHA-256 of its file.
    public var modelSHA256: String?
    /// The SHA-256 of the job's features.
    public var featuresSHA256: String?
    /// The status of the answer.
    public var status: Int?
    /// What came of it, in a word.
    public var outcome: String?
    /// How many it was about, where that is not one.
    public var count: Int?
    /// The program's version, where it begins.
    public var version: String?
    /// The number of a line that a witness knew and that is not there as it was, where a log goes on that has lost lines.
    public var lostUpTo: Int?
    /// Whether nothing beside the log vouched for the lines that were there, where a server goes on with it.
    public var isUnwitnessed = false

    /// An entry that says no more than this.
    public init(_ action: Action) { self.action = action }
}

extension AuditEntry {
    /// Members in their order; those that have nothing to say are left out, but for the key, whose absence says something.
    func write(to json: inout JSONWriter) {
        json.member("action", action.rawValue)
        func write(_ name: String, _ text: String?) { if let text { json.member(name, text) } }
        func write(_ name: String, _ number: Int?) { if let number { json.member(name, number) } }
        if address != nil { json.member("key", key) }
        write("address", address)
        write("method", method)
        write("route", route)
        write("request_id", requestID)
        write("trace_id", traceID)
        write("job", job)
        write("batch", batch)
        write("owner", owner)
        write("model", model)
        write("model_sha256", modelSHA256)
        write("features_sha256", featuresSHA256)
        write("status", status)
        write("outcome", outcome)
        write("count", count)
        write("version", version)
        write("lost_up_to", lostUpTo)
        if isUnwitnessed { json.member("unwitnessed", true) }
    }
}
