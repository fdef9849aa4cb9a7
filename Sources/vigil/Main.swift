import API
import ArgumentParser

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
            ServeCommand.self, ScoreCommand.self, ImportCommand.self, InspectCommand.self, ConfigCommand.self,
            StateCommand.self, BenchCommand.self, VersionCommand.self,
        ])
}
