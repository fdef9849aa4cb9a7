import API
import ArgumentParser

/// `vigil version`.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Write the version, as vigil --version does.")

    func run() throws {
        try Terminal.print(Array(Vigil.version.utf8))
    }
}
