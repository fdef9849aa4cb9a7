import ArgumentParser
import HTTPClient
import Platform

/// `vigil again`.
struct AgainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "again", abstract: "Have a server score again what jobs were about.",
        discussion: """
            Against other labels, by another model or cut otherwise, without sending it: as long as the server keeps it. What is \
            not asked is as the job had it. Writes the new jobs' ids, a line each, which vigil watch and vigil download take. Exit \
            code 65 where a job is not scored again.
            """)

    @Argument(help: "Ids of jobs or batches.")
    var ids: [String] = []
    @OptionGroup(title: "Scoring") var query: AgainQuery
    @OptionGroup(title: "Client") var client: SettingGroup<SubmitSettings.Client>
    @OptionGroup var trust: ServerTrust

    func run() throws {
        guard !ids.isEmpty else { throw Failure(.usage, "nothing is named: expected ids of jobs or batches") }
        var names = JobNames()
        names.ids = ids
        try names.check()
        let (stop, sources) = StopFlag.on(SIGINT, SIGTERM)
        defer { for source in sources { source.cancel() } }
        let remote = Remote(try ServerChoice(client, trust), stop: stop)
        let jobs = try names.found(by: remote).flatMap(\.jobs)
        guard query.name == nil || jobs.count == 1 else {
            throw Failure(.usage, "--name: there are \(jobs.count) jobs: expected one")
        }
        var isBad = false
        for job in jobs {
            let answer = try remote.post("/jobs/\(job.id)/again" + Upload.query(query.parameters), key: Self.key())
            if let problem = ServerProblem(answer) {
                let failure = problem.failure("job \(job.id)")
                guard failure.code == .badData else { throw failure }
                Terminal.note(failure.description)
                isBad = true
                continue
            }
            let made = try JobNames.reply { () throws(ReplyError) in try JobReply(answer.body) }
            for warning in made.warnings { Terminal.note("job \(made.id): \(warning)") }
            try Terminal.print(Array(made.id.utf8))
        }
        if isBad { throw ExitCode(Failure.Code.badData.rawValue) }
    }

    /// A name for a request, by which it makes one job however often it is sent.
    private static func key() -> String {
        var random = SystemRandom()
        return "vigil-again-" + String(random.next(), radix: 36) + String(random.next(), radix: 36)
    }
}

/// What is to be otherwise: the parameters of `POST /jobs/ID/again`, which the server reads.
struct AgainQuery: ParsableArguments {
    @Option(help: "Another model, NAME or NAME@SHA256.")
    var model: String?
    @Option(help: "Labels to score against, separated by commas, the normal class first; needs a text tower.")
    var labels: String?
    @OptionGroup var cut: CutOptions
    @Flag(help: "Have the logits too.")
    var logits = false
    @Option(help: "low, normal or high. (default: normal)")
    var priority: String?
    @Option(help: "Seconds, or a time, after which the job is not begun any more.")
    var deadline: String?
    @Option(help: "A URL that the server tells of the end of the job.")
    var callback: String?
    @Option(help: "What to call the job. (default: as before)")
    var name: String?
    @Option(help: "The camera that the video is of, by whose name the server tells others what is found.")
    var camera: String?

    /// The parameters that were given.
    var parameters: [(name: String, value: String)] {
        let given: [(String, String?)] = [
            ("model", model), ("labels", labels), ("logits", logits ? "true" : nil), ("priority", priority),
            ("deadline", deadline), ("callback", callback), ("name", name), ("camera", camera),
        ]
        return given.compactMap { name, value in value.map { (name, $0) } } + cut.parameters
    }
}
