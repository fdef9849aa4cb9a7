import ArgumentParser
import JSON
import Platform

/// `vigil config`.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Help with the config file.",
        subcommands: [ConfigCheckCommand.self, ConfigSchemaCommand.self])
}

/// `vigil config check`.
struct ConfigCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Tell whether vigil serve can use a config file.",
        discussion:
            "Every fault is a line on standard error. Exit codes: 0 it can be used, 66 files are not there, 65 the model is "
            + "none, 78 other faults, or several of these. Neither the environment nor the state folder is looked at."
    )

    @Argument(help: "The config file, YAML or JSON.")
    var file: String

    func run() throws {
        let check = ConfigCheck(file: file)
        for fault in check.faults { Terminal.note(fault.description) }
        if let code = check.code { throw ExitCode(code.rawValue) }
        for note in check.settings.notes { Terminal.note(note) }
        try Terminal.print(Array("\(file): can be used".utf8))
    }
}

/// `vigil config schema`.
struct ConfigSchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Write the JSON schema of the config file, for editors.")

    func run() throws {
        try Terminal.print(Array(SettingSchema.text.utf8.dropLast()), asJSON: true)
    }
}

/// The JSON schema of the config file, for editors: what it takes, Vigil takes.
private enum SettingSchema {
    /// The schema, indented, with a line end.
    static var text: String {
        let properties = Setting.all.filter(\.isKey).map { "    \(quoted($0.name)): \(property($0))" }
        return """
            {
              "$schema": "https://json-schema.org/draft/2020-12/schema",
              "title": "Vigil's config file",
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "$schema": {"type": "string"},
            \(properties.joined(separator: ",\n"))
              }
            }

            """
    }

    private static func property(_ setting: Setting) -> String {
        var members = type(setting.kind)
        var help = setting.help
        if case .told(let text) = setting.standard { help += " (default: \(text))" }
        members.append("\"description\": \(quoted(help))")
        if case .value(let text) = setting.standard { members.append("\"default\": \(standard(text, setting.kind))") }
        return "{\(members.joined(separator: ", "))}"
    }

    private static func type(_ kind: Setting.Kind) -> [String] {
        switch kind {
        case .text, .path, .canary: ["\"type\": \"string\""]
        case .integer(let range, _):
            ["\"type\": \"integer\"", "\"minimum\": \(range.lowerBound)", "\"maximum\": \(range.upperBound)"]
        case .octal: ["\"type\": [\"string\", \"integer\"]", "\"pattern\": \"^0?[0-7]{0,3}$\""]
        case .number(let range):
            ["\"type\": \"number\"", "\"minimum\": \(range.lowerBound)", "\"maximum\": \(range.upperBound)"]
        case .boolean: ["\"type\": \"boolean\""]
        case .choice(let names): ["\"enum\": [\(names.map(quoted).joined(separator: ", "))]"]
        case .list, .models:
            ["\"type\": [\"string\", \"array\"]", "\"items\": {\"type\": \"string\", \"minLength\": 1}"]
        }
    }

    private static func standard(_ text: String, _ kind: Setting.Kind) -> String {
        switch kind {
        case .integer, .number, .boolean: text
        default: quoted(text)
        }
    }

    private static func quoted(_ text: String) -> String {
        var writer = JSONWriter()
        writer.string(text)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
