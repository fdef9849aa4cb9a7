import ArgumentParser

/// The options that every command with a model has.
struct CommonOptions: ParsableArguments {
    @Option(help: "A JSON file with settings; its keys are the options' long names.")
    var config: String?
    @Option(help: "Instruction set of the kernels: auto, portable, avx2, avx512 or neon. (default: auto)")
    var kernels: String?

    /// Where settings that the command line does not give are looked up.
    func settings() async throws -> Settings {
        try await Settings(file: config, flags: ["kernels": kernels])
    }
}
