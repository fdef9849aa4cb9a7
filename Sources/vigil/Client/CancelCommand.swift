import ArgumentParser
import Platform

/// `vigil cancel`.
struct CancelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel jobs of a server that have not ended.",
        discussion: """
            A job that has ended is left as it is, unless --forget is given.
            """)

    @Argument(help: "Ids of jobs or batches.")
    var ids: [String] = []
    @Flag(help: "Have the server forget jobs that have ended, with their results.")
    var forget = false
    @OptionGroup(title: "Client") var client: SettingGroup<SubmitSettings.Client>
    @OptionGroup var trust: ServerTrust

    func run() throws {
        guard !ids.isEmpty else { throw Failure(.usage, "there is nothing to cancel: expected ids of jobs or batches") }
        var names = JobNames()
        names.ids = ids
        try names.check()
        let (stop, sources) = StopFlag.on(SIGINT, SIGTERM)
        defer { for source in sources { source.cancel() } }
        let remote = Remote(try ServerChoice(client, trust), stop: stop)
        for id in ids {
            for job in try JobNames.find(id, by: remote).jobs {
                try Terminal.print(Array(try end(job, by: remote).utf8))
            }
        }
    }

    /// Ends a job, and says what became of it. The server is asked to forget nothing that was not seen to have ended, so that a
    /// request whose answer is lost can be sent again.
    private func end(_ job: JobReply, by remote: Remote) throws -> String {
        if job.isEnded {
            guard forget else { return "\(job.id) \(job.status.rawValue): it had ended" }
            let answer = try remote.delete("/jobs/\(job.id)")
            if answer.status == 404 { return "\(job.id) forgotten" }
            if let problem = ServerProblem(answer) { throw problem.failure("job \(job.id)") }
            return "\(job.id) forgotten"
        }
        let answer = try remote.delete("/jobs/\(job.id)?forget=false")
        if let problem = ServerProblem(answer) { throw problem.failure("job \(job.id)") }
        if answer.status == 202 { return "\(job.id) is cancelled at its next chunk" }
        let left = try JobNames.reply { () throws(ReplyError) in try JobReply(answer.body, of: job.id) }
        return left.status == .cancelled
            ? "\(job.id) cancelled" : "\(job.id) \(left.status.rawValue): it ended before it could be cancelled"
    }
}
