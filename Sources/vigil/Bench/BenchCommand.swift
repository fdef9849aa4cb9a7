import ArgumentParser

/// `vigil bench`.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure the engine on this machine.",
        subcommands: [EngineBenchCommand.self])
}
