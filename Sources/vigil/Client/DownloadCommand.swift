import ArgumentParser
import Platform

/// `vigil download`.
struct DownloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "download", abstract: "Fetch results of jobs of a server.",
        discussion: """
            To standard output, or to files of a folder, ID.scores.json each, which are there whole or not at all. Exit code 65 \
            where a job has no result.
            """)

    @OptionGroup var names: JobNames
    @Option(help: "The form of the results: json, or npy for the scores alone.")
    var format = ResultForm.json
    @Option(help: "A folder for the results. (default: standard output)")
    var output: String?
    @Flag(help: "Wait for jobs that have not ended.")
    var wait = false
    @OptionGroup(title: "Client") var client: SettingGroup<SubmitSettings.Client>
    @OptionGroup var trust: ServerTrust

    func run() throws {
        let choice = try ServerChoice(client, trust)
        let (stop, sources) = StopFlag.on(SIGINT, SIGTERM)
        defer { for source in sources { source.cancel() } }
        let remote = Remote(choice, stop: stop)
        let jobs = try names.found(by: remote).flatMap(\.jobs)
        guard format == .json || output != nil || jobs.count == 1 && !Terminal.isInteractive else {
            throw Failure(
                .usage,
                "--format npy: expected a folder by --output, or one job and standard output that is no terminal")
        }
        var isBad = false
        for job in jobs {
            var fetched = try FetchedJob(job.id, format, from: remote)
            while wait, !fetched.isEnded {
                try remote.check()
                let begun = MonotonicTime.now
                fetched = try FetchedJob(job.id, format, holding: 5, from: remote)
                // A server that does not hold the answer is not asked again at once.
                if !fetched.isEnded { try remote.wait(.seconds(1) - (MonotonicTime.now - begun)) }
            }
            guard let result = fetched.result else {
                Terminal.note("job \(job.id): \(fetched.job?.reason ?? "there is no result")")
                isBad = true
                continue
            }
            if let output {
                let path = "\(output)/\(job.id)\(ResultForm.mark).\(format.rawValue)"
                try FetchedJob.write(result, format, to: path)
                try Terminal.print(Array(path.utf8))
            } else if format == .json {
                try Terminal.print(Array(result), asJSON: true)
            } else {
                try Terminal.write(bytes: Array(result))
            }
        }
        if isBad { throw ExitCode(Failure.Code.badData.rawValue) }
    }
}
