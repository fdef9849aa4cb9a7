import API
import ArgumentParser
import Platform
import Scoring

/// The command line: parses, runs, and turns whatever goes wrong into one line on stderr and an exit code.
@main
struct Main {
    static func main() async {
        Descriptors.keepStandard()
        Cryptography.begin()
        LostPages.tell()
        if CommandLine.arguments.dropFirst().first == "serve" { Reloading.passOverSignals() }
        do {
            try WrittenArguments.check(bytes: WrittenArguments.bytes)
            try Settings.check(variables: Settings.variables)
            try CommandNames.check(CommandLine.arguments.dropFirst())
            try RepeatedOptions.check(CommandLine.arguments.dropFirst())
            var command = try VigilCommand.parseAsRoot(WrittenArguments.read(CommandLine.arguments.dropFirst()))
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
            and as keys of a YAML or JSON file named by --config (max-body: 64); the command line comes first, then the \
            environment, then the file. So can --model, --kernels, --compute and --workers of every command that has them. Exit codes: 0 done, 64 usage, 65 bad input data, 66 no such input, 69 no server that does it, \
            70 internal, 77 not allowed by the server, 78 configuration.
            """,
        version: Vigil.version,
        subcommands: [
            ServeCommand.self, ScoreCommand.self, ImportCommand.self, ExtractCommand.self, TrainCommand.self,
            EvalCommand.self, SubmitCommand.self, StatusCommand.self, WatchCommand.self, CancelCommand.self,
            DownloadCommand.self, AgainCommand.self,
            ScenesCommand.self, InspectCommand.self, HealthCommand.self, ConfigCommand.self, KeysCommand.self,
            AuditCommand.self, StateCommand.self, StoreCommand.self, BenchCommand.self, VersionCommand.self,
        ])
}

/// What was written on the command line, before the argument parser has it.
enum WrittenArguments {
    /// The arguments as the process was given them.
    static var bytes: [[UInt8]] {
        (1..<max(1, Int(CommandLine.argc))).compactMap { index in
            // Sound: the system ends each argument with a zero, and they are there as long as the process.
            CommandLine.unsafeArgv[index].map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
        }
    }

    /// Throws where one is no UTF-8: as a text it would be another, and so might be the file that it names.
    static func check(bytes: [[UInt8]]) throws(Failure) {
        for argument in bytes where String(validating: argument, as: UTF8.self) == nil {
            throw Failure(
                .usage,
                "the argument \(quoted(String(decoding: argument, as: UTF8.self))) is not UTF-8: expected that, so rename what it "
                    + "names")
        }
    }

    /// The arguments as the parser takes them: a number below zero behind an option is its value. Throws where one is empty, as
    /// it is where a shell's variable is.
    static func read(_ arguments: some Collection<String>) throws(Failure) -> [String] {
        var found: [String] = []
        var isBehindOptions = false
        for argument in arguments {
            let option = isBehindOptions ? nil : found.last.flatMap { isOption($0) ? $0 : nil }
            if argument.isEmpty { throw empty(behind: option) }
            if !isBehindOptions, isOption(String(Substring(argument.utf8.dropLast()))), argument.ends(with: "=") {
                throw empty(behind: String(Substring(argument.utf8.dropLast())))
            }
            if let option, isBelowZero(argument) {
                found[found.count - 1] = "\(option)=\(argument)"
            } else {
                found.append(argument)
            }
            isBehindOptions = isBehindOptions || argument.utf8.elementsEqual("--".utf8)
        }
        return found
    }

    /// What a command that has not the option `name` may say of it: which one has; nil where none has.
    static func owner(of name: String) -> String? {
        var owners: [String] = []
        func look(_ command: any ParsableCommand.Type, _ path: [String]) {
            let words = command.helpMessage(columns: 1_000).utf8.split { $0 <= ASCII.space || $0 == UInt8(ascii: "/") }
            if path.count > 0, words.contains(where: { $0.elementsEqual(name.utf8) }) {
                owners.append(path.joined(separator: " "))
            }
            for next in command.configuration.subcommands {
                guard let word = next.configuration.commandName else { continue }
                look(next, path + [word])
            }
        }
        look(VigilCommand.self, [])
        return owners.isEmpty ? nil : owners.prefix(3).map { "vigil \($0)" }.joined(separator: ", ")
    }

    private static func isOption(_ argument: String) -> Bool {
        argument.begins(with: "--") && argument.utf8.count > 2 && !argument.utf8.contains(UInt8(ascii: "="))
    }

    private static func isBelowZero(_ argument: String) -> Bool {
        argument.begins(with: "-") && (argument.utf8.dropFirst().first.map { "0123456789.".utf8.contains($0) } ?? false)
    }

    private static func empty(behind option: String?) -> Failure {
        guard let option else { return Failure(.usage, "an argument is empty: expected the path of a file") }
        let setting = Setting.named(String(Substring(option.utf8.dropFirst(2))))
        return Failure(.usage, "\(option): found an empty text, expected \(setting?.expected ?? "a value")")
    }
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
            guard let next = subcommand(of: command, word) else {
                throw unknown(word, among: known.compactMap { $0.configuration.commandName }, isHelp: isHelp)
            }
            command = next
        }
    }

    /// What shows the options of the command that the first words name.
    static func help(for arguments: some Collection<String>) -> String {
        let names = arguments.prefix(depth(of: arguments))
        return names.isEmpty ? "vigil --help" : "vigil help \(names.joined(separator: " "))"
    }

    /// The command that the first words name.
    static func command(for arguments: some Collection<String>) -> any ParsableCommand.Type {
        arguments.prefix(depth(of: arguments)).reduce(VigilCommand.self) { command, word in
            subcommand(of: command, word) ?? command
        }
    }

    /// How many words name it.
    private static func depth(of arguments: some Collection<String>) -> Int {
        var command: any ParsableCommand.Type = VigilCommand.self
        return arguments.prefix { word in
            guard let next = subcommand(of: command, word) else { return false }
            command = next
            return true
        }.count
    }

    private static func subcommand(
        of command: any ParsableCommand.Type, _ name: String
    ) -> (any ParsableCommand.Type)? {
        command.configuration.subcommands.first { $0.configuration.commandName == name }
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
