import ArgumentParser
import Platform
import Reports

/// `vigil download`.
struct DownloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "download", abstract: "Fetch results of jobs of a server.",
        discussion: """
            To standard output, to one file, or to files of a folder, ID.scores.json each, which are there whole or not at all. What is not \
            json or npy is written here of the result: as by vigil score --format. Segments can be cut otherwise than the job \
            was, which takes its scores alone. Exit code 65 where a job has no result, or one that can't be written so.
            """)

    @OptionGroup var names: JobNames
    @Option(
        help: """
            The form of the results: json, npy for the scores alone, csv, srt, vtt, svg, html, coco, dive-json, dive-csv, \
            activitynet or via. (default: json, or what the name of --output ends in)
            """)
    var format: ResultForm?
    @Option(help: "A folder for the results, or a file whose name ends in the form's. (default: standard output)")
    var output: String?
    @Flag(help: "Wait for jobs that have not ended.")
    var wait = false
    @OptionGroup(title: "Segments") var cut: CutOptions
    @OptionGroup(title: "Client") var client: SettingGroup<SubmitSettings.Client>
    @OptionGroup var trust: ServerTrust

    func run() throws {
        let choice = try ServerChoice(client, trust)
        let target = try DownloadTarget(output, format)
        let (stop, sources) = StopFlag.on(SIGINT, SIGTERM)
        defer { for source in sources { source.cancel() } }
        let remote = Remote(choice, stop: stop)
        let jobs = try names.found(by: remote).flatMap(\.jobs)
        try target.check(jobs.count)
        var isBad = false
        var together: [ReportedVideo] = []
        for job in jobs {
            var fetched = try FetchedJob(job.id, target.form, cut.parameters, from: remote)
            while wait, !fetched.isEnded {
                try remote.check()
                let begun = MonotonicTime.now
                fetched = try FetchedJob(job.id, target.form, cut.parameters, holding: 5, from: remote)
                // A server that does not hold the answer is not asked again at once.
                if !fetched.isEnded { try remote.wait(.seconds(1) - (MonotonicTime.now - begun)) }
            }
            do { try take(fetched, job.id, target, remote, &together) } catch let error as Failure
                where error.code == .badData
            {
                Terminal.note("job \(job.id): \(error.description)")
                isBad = true
            }
        }
        if case .report(let format) = target.form, !together.isEmpty {
            try put(FetchedJob.bytes(together, format), target)
        }
        if isBad { throw ExitCode(Failure.Code.badData.rawValue) }
    }

    /// Writes a job's result, or keeps it for those that are written together.
    private func take(
        _ fetched: FetchedJob, _ id: String, _ target: DownloadTarget, _ remote: Remote,
        _ together: inout [ReportedVideo]
    ) throws {
        if target.isTogether, let video = try fetched.reported(id, target.form, from: remote) {
            together.append(video)
            return
        }
        guard let result = try fetched.bytes(id, target.form, from: remote) else {
            throw Failure(.badData, fetched.job?.reason ?? "there is no result")
        }
        guard case .folder(let folder) = target.place else { return try put(result, target) }
        let path = "\(folder)\(id)\(ResultForm.mark).\(target.form.ending)"
        try FetchedJob.write(result, target.form, to: path)
        try Terminal.print(Array(path.utf8))
    }

    private func put(_ result: [UInt8], _ target: DownloadTarget) throws {
        if case .file(let path) = target.place {
            try FetchedJob.write(result, target.form, to: path)
            return try Terminal.print(Array(path.utf8))
        }
        switch target.form {
        case .json: try Terminal.print(result, asJSON: true)
        case .npy: try Terminal.write(bytes: result)
        case .report: try Terminal.put(result, asData: true)
        }
    }
}

/// Where fetched results go, and in what form.
struct DownloadTarget: Equatable {
    enum Place: Equatable {
        case standardOutput
        case file(String)
        /// A folder, with a slash at its end.
        case folder(String)
    }

    let place: Place
    let form: ResultForm

    /// A folder where there is one, or where the name has no ending of a form; else a file, of the form that its name says unless
    /// another is named.
    ///
    /// - Parameters:
    ///   - output: what was named; nil for standard output
    ///   - format: the form that was named, if any
    init(_ output: String?, _ format: ResultForm?) throws(Failure) {
        guard let output else {
            (place, form) = (.standardOutput, format ?? .json)
            return
        }
        let said = Self.form(of: output)
        guard said != nil, !Self.isFolder(output) else {
            place = .folder(output.ends(with: "/") ? output : output + "/")
            form = format ?? .json
            return
        }
        place = .file(output)
        form = format ?? said ?? .json
    }

    /// The form that a file's name says; nil where it says none.
    private static func form(of path: String) -> ResultForm? {
        let forms: [ResultForm] = [.json, .npy] + [.csv, .srt, .vtt, .svg, .html].map { .report($0) }
        return forms.first { path.asciiLowercase.ends(with: ".\($0.ending)") }
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether all results are one document.
    var isTogether: Bool {
        if case .folder = place { return false }
        guard case .report(let format) = form else { return false }
        return format.isOfMany
    }

    /// Throws where the results of so many jobs can't go where they are to.
    func check(_ jobs: Int) throws(Failure) {
        switch place {
        case .folder: return
        case .standardOutput:
            if form == .npy, Terminal.isInteractive {
                throw Failure(
                    .usage, "--format npy: expected a folder by --output, or standard output that is no terminal")
            }
            if form == .json { return }
        case .file: break
        }
        guard jobs == 1 || isTogether else {
            throw Failure(.usage, "--format \(form.name): expected one job, or a folder by --output")
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
