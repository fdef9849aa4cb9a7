import API
import ArgumentParser
import Scoring

/// The command line: parses, runs, and turns whatever goes wrong into one line on stderr and an exit code.
@main
struct Main {
    static func main() async {
        do {
            try CommandNames.check(CommandLine.arguments.dropFirst())
            var command = try VigilCommand.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Failure.exit(with: error)
        }
    }
}

/// `vigil`.
struct VigilCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vigil",
        abstract: "Video anomaly detection with VadCLIP: scores CLIP features over HTTP and on the command line.",
        discussion: """
            The options of serve and score can also be given as environment variables (--max-body as VIGIL_MAX_BODY) \
            and as keys of a JSON file named by --config ({"max-body": 64}); the command line comes first, then the \
            environment, then the file. Exit codes: 0 done, 64 usage, 65 bad input data, 66 no such input, 70 internal, 78 configuration.
            """,
        version: Vigil.version,
        subcommands: [
            ServeCommand.self, ScoreCommand.self, ImportCommand.self, TrainCommand.self, EvalCommand.self,
            ScenesCommand.self, InspectCommand.self, ConfigCommand.self, StateCommand.self, BenchCommand.self,
            VersionCommand.self,
        ])
}

/// The commands' names, looked at before the arguments are parsed: a name that is none is told with the nearest that is.
enum CommandNames {
    /// Throws where the first words of the command line, or those behind `help`, are no commands.
    static func check(_ arguments: some Collection<String>) throws {
        let isHelp = arguments.first == "help"
        let words = (isHelp ? arguments.dropFirst() : arguments[...]).prefix { !$0.begins(with: "-") }
        if isHelp, words.first == "help" { throw CleanExit.message(helpOnHelp) }
        var command: any ParsableCommand.Type = VigilCommand.self
        for word in words {
            let known = command.configuration.subcommands
            guard !known.isEmpty else { return }
            guard let next = known.first(where: { $0.configuration.commandName == word }) else {
                throw unknown(word, among: known.compactMap { $0.configuration.commandName }, isHelp: isHelp)
            }
            command = next
        }
    }

    /// What shows the options of the command that the first words name.
    static func help(for arguments: some Collection<String>) -> String {
        var command: any ParsableCommand.Type = VigilCommand.self
        var names: [String] = []
        for word in arguments {
            let known = command.configuration.subcommands
            guard let next = known.first(where: { $0.configuration.commandName == word }) else { break }
            names.append(word)
            command = next
        }
        return names.isEmpty ? "vigil --help" : "vigil help \(names.joined(separator: " "))"
    }

    private static let helpOnHelp = """
        OVERVIEW: Show what a command does and its options; without a command, what commands there are.

        USAGE: vigil help [COMMAND ...]
        """

    private static func unknown(_ word: String, among names: [String], isHelp: Bool) -> Failure {
        let meant = Spelling.nearest(to: word, among: names)
        return Failure(
            .usage,
            "\(isHelp ? "help: " : "")there is no command '\(word.prefix(40))'"
                + (meant.map { ": did you mean '\($0)'?" } ?? ": expected one of \(names.joined(separator: ", "))")
                + " (vigil --help lists them)")
    }
}
