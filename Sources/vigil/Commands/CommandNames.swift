import ArgumentParser
import Service

/// The commands' names, looked at before the arguments are parsed: a name that is none is told with the nearest that is.
enum CommandNames {
    /// Throws where the first words of the command line, or those behind `help`, are no commands.
    static func check(_ arguments: some Collection<String>) throws {
        let isHelp = arguments.first == "help"
        let words = (isHelp ? arguments.dropFirst() : arguments[...]).prefix { !$0.begins(with: "-") }
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

    private static func unknown(_ word: String, among names: [String], isHelp: Bool) -> Failure {
        let meant = Spelling.nearest(to: word, among: names)
        return Failure(
            .usage,
            "\(isHelp ? "help: " : "")there is no command '\(word.prefix(40))'"
                + (meant.map { ": did you mean '\($0)'?" } ?? ": expected one of \(names.joined(separator: ", "))")
                + " (vigil --help lists them)")
    }
}
