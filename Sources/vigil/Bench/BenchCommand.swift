import ArgumentParser

/// `vigil bench`.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure the engine and the service on this machine.",
        subcommands: [EngineBenchCommand.self, ServeBenchCommand.self])
}
