import ArgumentParser
import Platform

/// `vigil cancel`.
struct CancelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel jobs of a server that have not ended.",
        discussion: """
            A job that has ended is left as it is, unless --forget is given. One that ends while it is asked for is forgotten \
            by the server, which is told.
            """)

    /// How long the server holds an answer for the end of a job that may be cancelled, in seconds.
    private static let longestHold = 30

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
        let remote = Remote(try ServerChoice(client, trust), stop: StopFlag())
        for id in ids {
            for job in try JobNames.find(id, by: remote).jobs {
                try Terminal.print(Array(try end(job, by: remote).utf8))
            }
        }
    }

    /// Ends a job, and says what became of it. What was sent may have been done though no answer came, and a job that runs
    /// ends at its next chunk: so it is looked at, for longer each time, before it is sent again, as a second one would forget
    /// what the first has cancelled.
    private func end(_ job: JobReply, by remote: Remote) throws -> String {
        var job = job
        var hold = 1
        let patience = Deadline(in: remote.choice.patience)
        repeat {
            if job.isEnded, !forget { return "\(job.id) \(job.status.rawValue): it had ended" }
            guard let answer = try remote.once(remote.request("DELETE", "/jobs/\(job.id)")) else {
                try remote.check()
                let looked = try remote.get("/jobs/\(job.id)?wait=\(hold)", holding: hold, isResult: true)
                hold = min(2 * hold, Self.longestHold)
                if looked.status == 404 { return "\(job.id) forgotten" }
                if let problem = ServerProblem(looked) { throw problem.failure("job \(job.id)") }
                job = try JobNames.reply { () throws(ReplyError) in try JobReply(looked.body) }
                if job.status == .cancelled { return "\(job.id) cancelled" }
                if job.isEnded { try remote.wait(.seconds(1)) }
                continue
            }
            if answer.status == 204 {
                return job.isEnded
                    ? "\(job.id) forgotten" : "\(job.id) forgotten: it ended before it could be cancelled"
            }
            if let problem = ServerProblem(answer) { throw problem.failure("job \(job.id)") }
            return answer.status == 202 ? "\(job.id) is cancelled at its next chunk" : "\(job.id) cancelled"
        } while patience.milliseconds > 0
        throw Failure(.unavailable, "job \(job.id): the connection was lost each time that it was to be cancelled")
    }
}
