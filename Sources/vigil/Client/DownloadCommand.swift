import ArgumentParser
import Platform
import Reports

/// `vigil download`.
struct DownloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "download", abstract: "Fetch results of jobs of a server.",
        discussion: """
            To standard output, or to files of a folder, ID.scores.json each, which are there whole or not at all. What is not \
            json or npy is written here of the result: as by vigil score --format. Segments can be cut otherwise than the job \
            was, which takes its scores alone. Exit code 65 where a job has no result, or one that can't be written so.
            """)

    @OptionGroup var names: JobNames
    @Option(
        help: """
            The form of the results: json, npy for the scores alone, csv, srt, vtt, svg, html, coco, dive-json, dive-csv, \
            activitynet or via.
            """)
    var format = ResultForm.json
    @Option(help: "A folder for the results. (default: standard output)")
    var output: String?
    @Flag(help: "Wait for jobs that have not ended.")
    var wait = false
    @OptionGroup(title: "Segments") var cut: CutOptions
    @OptionGroup(title: "Client") var client: SettingGroup<SubmitSettings.Client>
    @OptionGroup var trust: ServerTrust

    func run() throws {
        let choice = try ServerChoice(client, trust)
        let (stop, sources) = StopFlag.on(SIGINT, SIGTERM)
        defer { for source in sources { source.cancel() } }
        let remote = Remote(choice, stop: stop)
        let jobs = try names.found(by: remote).flatMap(\.jobs)
        try check(jobs.count)
        var isBad = false
        var together: [ReportedVideo] = []
        for job in jobs {
            var fetched = try FetchedJob(job.id, format, cut.parameters, from: remote)
            while wait, !fetched.isEnded {
                try remote.check()
                let begun = MonotonicTime.now
                fetched = try FetchedJob(job.id, format, cut.parameters, holding: 5, from: remote)
                // A server that does not hold the answer is not asked again at once.
                if !fetched.isEnded { try remote.wait(.seconds(1) - (MonotonicTime.now - begun)) }
            }
            do { try take(fetched, job.id, remote, &together) } catch let error as Failure where error.code == .badData
            {
                Terminal.note("job \(job.id): \(error.description)")
                isBad = true
            }
        }
        if case .report(let format) = format, !together.isEmpty {
            try Terminal.put(FetchedJob.bytes(together, format), asData: true)
        }
        if isBad { throw ExitCode(Failure.Code.badData.rawValue) }
    }

    /// Whether all results are one document on standard output.
    private var isTogether: Bool {
        guard output == nil, case .report(let format) = format else { return false }
        return format.isOfMany
    }

    /// Throws where results can't go where they are to.
    private func check(_ jobs: Int) throws(Failure) {
        guard output == nil, format != .json else { return }
        if format == .npy, Terminal.isInteractive {
            throw Failure(.usage, "--format npy: expected a folder by --output, or standard output that is no terminal")
        }
        guard jobs == 1 || isTogether else {
            throw Failure(.usage, "--format \(format.name): expected one job, or a folder by --output")
        }
    }

    /// Writes a job's result, or keeps it for those that are written together.
    private func take(
        _ fetched: FetchedJob, _ id: String, _ remote: Remote, _ together: inout [ReportedVideo]
    ) throws {
        if isTogether, let video = try fetched.reported(id, format, from: remote) {
            together.append(video)
            return
        }
        guard let result = try fetched.bytes(id, format, from: remote) else {
            throw Failure(.badData, fetched.job?.reason ?? "there is no result")
        }
        if let output {
            let path = "\(output)/\(id)\(ResultForm.mark).\(format.ending)"
            try FetchedJob.write(result, format, to: path)
            try Terminal.print(Array(path.utf8))
        } else if format == .json {
            try Terminal.print(result, asJSON: true)
        } else if format == .npy {
            try Terminal.write(bytes: result)
        } else {
            try Terminal.put(result, asData: true)
        }
    }
}

/// How segments of results that are there are cut: parameters of `GET /jobs/ID`, which the server reads.
struct CutOptions: ParsableArguments {
    @Option(help: "A segment begins where the coarse score is at least this. (default: as the job was cut)")
    var threshold: String?
    @Option(help: "A segment goes on while the coarse score is at least this.")
    var leave: String?
    @Option(help: "Segments shorter than this are dropped.")
    var minSnippets: String?
    @Option(help: "Segments fewer than this many snippets apart are one.")
    var mergeGap: String?
    @Option(help: "Frames a second, which gives segments their seconds.")
    var fps: String?

    /// The parameters that were given.
    var parameters: [(name: String, value: String)] {
        let given: [(String, String?)] = [
            ("threshold", threshold), ("leave", leave), ("min_snippets", minSnippets), ("merge_gap", mergeGap),
            ("fps", fps),
        ]
        return given.compactMap { name, value in value.map { (name, $0) } }
    }
}
