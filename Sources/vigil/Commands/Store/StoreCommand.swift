import API
import ArgumentParser
import JSON
import Jobs
import Platform
import PostgresStore

/// `vigil store`.
struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract:
            "Look after databases that servers share: bring up to date, check, tell of them, move a folder's jobs there.",
        subcommands: [
            StoreMigrateCommand.self, StoreCheckCommand.self, StoreStatsCommand.self, StoreCopyCommand.self,
        ])

    /// The database of a text that an option, a variable or a file names; nothing else will do.
    ///
    /// - Parameters:
    ///   - label: what names it
    ///   - isOption: whether that is on the command line, where all who see the machine's processes see it
    static func place(_ text: String, _ label: String, isOption: Bool) throws(Failure) -> ConnectionPlace {
        guard let place = ConnectionPlace(text) else {
            let found = text == "memory" ? "memory" : "'\(ConnectionPlace.withoutSecrets(text).prefix(80))'"
            throw Failure(.usage, "\(label): found \(found), expected postgres://USER@HOST/DATABASE")
        }
        guard !isOption || !place.hasPassword else {
            throw Failure(
                .usage,
                "\(label): found a password, which all who see the machine's processes would see; expected it in PGPASSWORD, or "
                    + "in the file that PGPASSFILE names")
        }
        return place
    }

    /// What went wrong with a database.
    static func failure(_ error: JobStoreError, _ place: ConnectionPlace) -> Failure {
        Failure(.configuration, "\(error.description) (\(place.description))")
    }
}

/// Which database, and how it is told of.
struct StoreOptions: ParsableArguments {
    @Option(help: "The database, postgres://USER@HOST/DATABASE. (default: VIGIL_STATE, or that of --config)")
    var state: String?
    @Option(help: "The config file of vigil serve, which may name the database. (default: VIGIL_CONFIG)")
    var config: String?
    @Flag(help: "Write JSON.")
    var json = false

    /// Does something with the database.
    func run<Value>(_ body: (StoreOperations) async throws(JobStoreError) -> Value) async throws(Failure) -> Value {
        let place = try place()
        do throws(JobStoreError) {
            let operations = try StoreOperations(place)
            defer { operations.close() }
            return try await body(operations)
        } catch { throw StoreCommand.failure(error, place) }
    }

    private func place() throws(Failure) -> ConnectionPlace {
        if let state { return try StoreCommand.place(state, "--state", isOption: true) }
        let config = config ?? getenv("VIGIL_CONFIG").map { String(cString: $0) }
        let settings = try Settings(only: ["state"], file: config)
        guard let text = try settings.text("state") else {
            throw Failure(
                .usage, "no database is named: expected --state postgres://USER@HOST/DATABASE, or VIGIL_STATE")
        }
        return try StoreCommand.place(text, settings.label(of: "state") ?? "--state", isOption: false)
    }
}

/// `vigil store migrate`.
struct StoreMigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Make a database's tables, or bring them up to what this Vigil knows.",
        discussion: """
            As the user whose they are, while servers go on: steps only add, so that servers of before work on. Several at once do each step \
            once. A server does it too where it may. Exit codes: 0 done, also where nothing was left to be done, 78 the database can't be \
            reached or this user may not.
            """)

    @OptionGroup var options: StoreOptions

    func run() async throws {
        let steps = try await options.run { operations throws(JobStoreError) in
            (try await operations.migrate(version: Vigil.version), operations.place)
        }
        try Terminal.print(
            options.json ? Self.json(steps.0, steps.1) : Self.text(steps.0, steps.1), asJSON: options.json)
    }

    private static func text(_ steps: StoreOperations.Steps, _ place: String) -> [UInt8] {
        let done =
            steps.done > 0
            ? "\(steps.done) \(steps.done == 1 ? "step was" : "steps were") done" : "nothing was left to be done"
        let newer = steps.there > steps.known ? "; \(steps.there - steps.known) are a newer Vigil's" : ""
        return Array("\(place): \(done), \(steps.there) in all\(newer)".utf8)
    }

    private static func json(_ steps: StoreOperations.Steps, _ place: String) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("database", place)
                json.member("done", steps.done)
                json.member("steps", steps.there)
                json.member("known", steps.known)
            }
        }
    }
}

/// `vigil store check`.
struct StoreCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Tell whether servers can work with a database, and whether it has all that was accepted.",
        discussion: """
            Looks at the tables' steps, at what this user may do, at settings that may cost what was accepted, and has the database make the \
            SHA-256 of every input and result that is needed, which takes as long as reading them all. Nothing in it is changed. Exit \
            codes: 0 whole, 65 something is wrong, 78 the database can't be reached.
            """)

    @OptionGroup var options: StoreOptions

    func run() async throws {
        let (report, place) = try await options.run { operations throws(JobStoreError) in
            (try await operations.check(), operations.place)
        }
        try Terminal.print(options.json ? report.json(place) : report.text(place), asJSON: options.json)
        if !report.isWhole { throw ExitCode(Failure.Code.badData.rawValue) }
    }
}

/// `vigil store stats`.
struct StoreStatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Tell how many jobs and servers a database has, how large it is, and what holds it up.",
        discussion: """
            Exit codes: 0 done, 78 the database can't be reached, has no tables of Vigil's, or lacks a step of them.
            """)

    @OptionGroup var options: StoreOptions

    func run() async throws {
        let (statistics, place) = try await options.run { operations throws(JobStoreError) in
            (try await operations.statistics(), operations.place)
        }
        try Terminal.print(
            options.json ? statistics.json(place) : statistics.text(place), asJSON: options.json)
    }
}
