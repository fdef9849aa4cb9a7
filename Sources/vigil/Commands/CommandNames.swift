import ArgumentParser

/// The commands' names, looked at before the arguments are parsed: a name that is none is told with the nearest that is.
enum CommandNames {
    /// Throws where the first words of the command line, or those behind `help`, are no commands.
    static func check(_ arguments: some Collection<String>) throws {
        let isHelp = arguments.first == "help"
        let words = (isHelp ? arguments.dropFirst() : arguments[...]).prefix { !$0.hasPrefix("-") }
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
        let nearest = names.min { distance(word, $0) < distance(word, $1) }
        let meant = nearest.flatMap { distance(word, $0) <= max(2, word.count / 3) ? $0 : nil }
        return Failure(
            .usage,
            "\(isHelp ? "help: " : "")there is no command '\(word.prefix(40))'"
                + (meant.map { ": did you mean '\($0)'?" } ?? ": expected one of \(names.joined(separator: ", "))")
                + " (vigil --help lists them)")
    }

    /// Characters to insert, leave out or replace, so that one becomes the other.
    private static func distance(_ one: String, _ other: String) -> Int {
        let (one, other) = (Array(one.prefix(40)), Array(other))
        var row = Array(0...other.count)
        for (index, character) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in other.indices {
                let replaced = diagonal + (character == other[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[other.count]
    }
}
