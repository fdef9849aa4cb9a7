import ArgumentParser
import JSON
import Platform

/// Options that are written more than once and are to be given once: of these the argument parser takes the last without a word.
enum RepeatedOptions {
    /// Throws where the command that the first words name takes one value of an option, and there are several.
    static func check(_ arguments: some Collection<String>) throws(Failure) {
        let names = arguments.prefix { !$0.hasBytes(of: "--") }.filter { $0.begins(with: "--") }
            .map { String($0.pieces(between: ASCII.equals, most: 1)[0]) }
        var counts: [ByteText: Int] = [:]
        for name in names { counts[ByteText(name), default: 0] += 1 }
        // What the parser knows of a command is asked for where something is repeated alone: it costs a start milliseconds.
        let repeated = names.filter { counts[ByteText($0)] ?? 0 > 1 }
        guard !repeated.isEmpty else { return }
        let single = single(of: CommandNames.command(for: arguments))
        guard let name = repeated.first(where: { single.contains(ByteText($0)) }) else { return }
        throw Failure(.usage, "\(name): given \(counts[ByteText(name)] ?? 0) times: expected it once")
    }

    /// The options of a command that take one value.
    private static func single(of command: any ParsableCommand.Type) -> Set<ByteText> {
        let known = try? JSONReader.parse(Array(command._dumpHelp().utf8))
        let options = (known?["command"]?["arguments"]?.array ?? []).filter {
            $0["kind"] == .string("option") && $0["isRepeating"] == .bool(false)
        }
        return Set(
            options.flatMap { $0["names"]?.array ?? [] }.compactMap { $0["name"]?.string }.map { ByteText("--" + $0) })
    }
}
