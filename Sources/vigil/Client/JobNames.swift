import ArgumentParser
import HTTPClient
import JSON
import Platform

/// Which jobs are meant: by their ids, or those of batches; without any the newest there is.
struct JobNames: ParsableArguments {
    @Argument(help: "Ids of jobs or batches. (default: the newest job; status lists the newest ones)")
    var ids: [String] = []

    /// What is known of a job or a batch.
    enum Found {
        case job(JobReply)
        case batch(BatchReply)

        var jobs: [JobReply] {
            switch self {
            case .job(let job): [job]
            case .batch(let batch): batch.jobs
            }
        }
    }

    /// Throws where one is no id: it goes into a path.
    func check() throws(Failure) {
        for id in ids where !JobReply.isID(id) {
            throw Failure(
                .usage, "\(quoted(id)) is no id of a job: expected 26 digits and capitals, as vigil submit writes them")
        }
    }

    /// What the ids stand for, in their order; the newest job where there is none.
    func found(by remote: Remote) throws -> [Found] {
        try check()
        if ids.isEmpty {
            let newest = try Self.newest(1, by: remote)
            guard let first = newest.first else { throw Failure(.noInput, "\(remote.choice.server) has no job") }
            return [.job(first)]
        }
        return try ids.map { try Self.find($0, by: remote) }
    }

    static func find(_ id: String, by remote: Remote) throws -> Found {
        let answer = try remote.get("/jobs/\(id)", isResult: true)
        guard let problem = ServerProblem(answer) else {
            return .job(try reply { () throws(ReplyError) in try JobReply(answer.body, of: id) })
        }
        guard problem.status == 404 else { throw problem.failure("job \(id)") }
        let other = try remote.get("/batches/\(id)")
        if let second = ServerProblem(other) { throw (second.status == 404 ? problem : second).failure("job \(id)") }
        return .batch(try reply { () throws(ReplyError) in try BatchReply(other.body, of: id) })
    }

    /// The newest jobs.
    static func newest(_ count: Int, by remote: Remote) throws -> [JobReply] {
        let answer = try remote.get("/jobs?limit=\(count)")
        if let problem = ServerProblem(answer) { throw problem.failure("\(remote.choice.server)") }
        let list = try reply { () throws(ReplyError) in
            do throws(JSONError) { return try JSONReader.parse(answer.body) } catch { throw ReplyError("\(error)") }
        }
        return try reply { () throws(ReplyError) in
            var jobs: [JobReply] = []
            for job in (list["jobs"]?.array ?? []).prefix(count) { jobs.append(try JobReply(job)) }
            return jobs
        }
    }

    /// What a server says that is not what Vigil says ends a command.
    static func reply<Value>(_ read: () throws(ReplyError) -> Value) throws(Failure) -> Value {
        do throws(ReplyError) { return try read() } catch { throw Failure(.unavailable, error.description) }
    }
}
