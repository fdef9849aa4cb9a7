import ArgumentParser
import Platform

/// `vigil submit`.
struct SubmitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Have a server score files, folders and what patterns stand for.",
        discussion: """
            Of a folder all feature files and videos are taken, also from folders within. A bar on a terminal, elsewhere a \
            JSON object a line for each thing that happens. The same file, called the same and asked for the same, is the \
            same job however often it is sent, unless --again is given; a run that was interrupted goes on where the same \
            command is given again, and sends nothing twice. Exit codes beyond the usual: 65 a file was refused or a job \
            failed, 69 the server can't be had, or takes no more of this client for now, 77 it does not let this client. \
            docs/clients.md has more.
            """)

    @Argument(help: "Files, folders, and patterns such as 'videos/*.mp4'.")
    var inputs: [String] = []
    @Option(help: "Files that are sent at a time, 1 to 64.")
    var jobs = 4
    @Flag(help: "Wait for the results.")
    var wait = false
    @Option(help: "A folder for the results, NAME.scores.json each, which are waited for.")
    var output: String?
    @Option(help: "The form of the results.")
    var format = ResultForm.json
    @Flag(help: "Make new jobs of what was submitted before.")
    var again = false
    @Option(
        help: "A file of what was sent, by which an interrupted run goes on. (default: one in the user's state folder)")
    var resume: String?
    @Flag(help: "Write JSON lines on a terminal too.")
    var json = false
    @OptionGroup(title: "Scoring") var query: ScoreQuery
    @OptionGroup(title: "Client") var client: SettingGroup<SubmitSettings.Client>
    @OptionGroup var trust: ServerTrust

    func run() throws {
        guard !inputs.isEmpty else { throw Failure(.usage, "there is nothing to submit: expected files or folders") }
        guard (1...64).contains(jobs) else { throw Failure(.usage, "--jobs \(jobs): expected 1 to 64") }
        let choice = try ServerChoice(client, trust)
        let files = try SubmittedFiles.all(of: inputs)
        guard query.name == nil || files.count == 1 else {
            throw Failure(.usage, "--name: there are \(files.count) files: expected one")
        }
        if query.validateOnly, wait || output != nil {
            throw Failure(.usage, "--validate-only: nothing is queued, so there is nothing to wait for")
        }
        if again, resume != nil {
            throw Failure(
                .usage, "--resume: with --again each run has names of its own, so that none goes on with another")
        }
        try checkOutputs(files)
        let plan = SubmitRun.Plan(
            files: files, parameters: query.parameters, again: again ? Self.word() : "", uploads: jobs,
            isWaiting: wait || output != nil, isReport: query.validateOnly, form: format, output: output)
        let (stop, sources) = StopFlag.on(SIGINT, SIGTERM)
        defer { for source in sources { source.cancel() } }
        Descriptors.raiseLimit()
        let resume = query.validateOnly || again ? nil : try resumeFile(choice, plan)
        let report = SubmitReport(
            files: files.count, isWaiting: plan.isWaiting, isJSON: json || !Terminal.isInteractive)
        let codes: Set<Failure.Code>
        do {
            codes = try SubmitRun(plan, choice, resume: resume, report: report, stop: stop).run()
        } catch {
            try report.finish()
            if resume != nil, error is ExitCode {
                Terminal.note("interrupted: the same command goes on where this one ended")
            }
            throw error
        }
        try report.finish()
        guard !codes.isEmpty else { return }
        throw ExitCode((codes.contains(.badData) ? Failure.Code.badData : .noInput).rawValue)
    }

    /// Throws where two results would have one file.
    private func checkOutputs(_ files: [SubmittedFile]) throws(Failure) {
        guard let output else { return }
        var names: [ByteText: String] = [:]
        for file in files {
            let place = format.file(of: file.name, number: nil, in: output)
            if let other = names[place] {
                throw Failure(.usage, "--output: the results of \(other) and of \(file.path) would both be \(place)")
            }
            names[place] = file.path
        }
    }

    private func resumeFile(_ choice: ServerChoice, _ plan: SubmitRun.Plan) throws(Failure) -> ResumeFile? {
        if let resume { return try ResumeFile(resume) }
        let parameters = plan.parameters.flatMap { [$0.name, $0.value] }
        let folder = getcwd(nil, 0)
        defer { free(folder) }
        let place = folder.map { String(cString: $0) } ?? ""
        let path = ResumeFile.path(of: [choice.server.description, place] + inputs + [""] + parameters)
        return try path.map { path throws(Failure) in try ResumeFile(path) }
    }

    private static func word() -> String {
        var random = SystemRandom()
        return String(random.next(), radix: 36)
    }
}
