import ArgumentParser

/// `vigil config`.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Help with the config file.", subcommands: [ConfigSchemaCommand.self])
}

/// `vigil config schema`.
struct ConfigSchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Write the JSON schema of the config file, for editors.")

    func run() throws {
        try Terminal.print(Array(SettingSchema.text.utf8.dropLast()))
    }
}
