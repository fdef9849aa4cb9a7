import ArgumentParser

/// Which settings stand together in a command's help.
protocol SettingScope {
    static var command: Setting.Command { get }
    static var section: Setting.Section { get }
}

/// The options of a command that stand in one section of the table, each with the name and the help that it has there.
///
/// The argument parser finds options by reflection, and decodes them by the names that it found: here both come from the
/// table in place of properties.
struct SettingGroup<Scope: SettingScope>: ParsableArguments, CustomReflectable {
    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// What was given on the command line, by the settings' names.
    let given: [String: [String]]

    static var settings: [Setting] {
        Setting.all.filter { $0.section == Scope.section && $0.commands.contains(Scope.command) }
    }

    init() { given = [:] }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        var given: [String: [String]] = [:]
        for setting in Self.settings {
            let key = Key(stringValue: setting.name)
            switch setting.kind {
            case .boolean:
                let flag = try container.decode(Flag<Bool?>.self, forKey: key).wrappedValue
                given[setting.name] = flag.map { ["\($0)"] }
            case .list, .models:
                let texts = try container.decode(Option<[String]>.self, forKey: key).wrappedValue
                given[setting.name] = texts.isEmpty ? nil : texts
            default:
                let text = try container.decode(Option<String?>.self, forKey: key).wrappedValue
                given[setting.name] = text.map { [$0] }
            }
        }
        self.given = given
    }

    var customMirror: Mirror {
        Mirror(
            self, children: Self.settings.map { (label: Optional($0.name), value: $0.definition) },
            displayStyle: .struct)
    }
}

extension Setting {
    /// The option as the argument parser takes it.
    fileprivate var definition: Any {
        let name = NameSpecification.customLong(name)
        let shown = shownDefault.map { " (default: \($0))" } ?? ""
        let choices = if case .choice = kind { " One of \(expected)." } else { "" }
        let help = ArgumentHelp("\(help)\(choices)\(shown)", valueName: valueName)
        return switch kind {
        case .boolean: Flag<Bool?>(name: name, inversion: .prefixedNo, help: help)
        case .list, .models: Option<[String]>(wrappedValue: [], name: name, help: help)
        default: Option<String?>(name: name, help: help)
        }
    }

    private var valueName: String {
        switch kind {
        case .path(.input): "file"
        case .path(.output): "path"
        case .integer(_, .seconds): "seconds"
        case .integer(_, .bytes): "bytes"
        case .integer(_, .mebibytes): "MiB"
        case .integer, .number: "number"
        case .octal: "mode"
        case .choice: "name"
        case .text, .canary, .boolean: "text"
        case .list: "list"
        case .models: "name=file"
        }
    }
}

/// The settings of `vigil serve`, section by section.
enum ServeSettings {
    enum General: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.general) }
    enum Server: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.server) }
    enum Jobs: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.jobs) }
    enum Callbacks: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.callbacks) }
    enum Alerts: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.alerts) }
    enum Access: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.access) }
    enum Listening: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.listening) }
    enum Clients: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.clients) }
    enum TLS: SettingScope { static let (command, section) = (Setting.Command.serve, Setting.Section.tls) }
}

/// The settings of `vigil score`.
enum ScoreSettings {
    enum General: SettingScope { static let (command, section) = (Setting.Command.score, Setting.Section.general) }
    enum Scoring: SettingScope { static let (command, section) = (Setting.Command.score, Setting.Section.scoring) }
}

/// The settings of `vigil eval`, whose own options are beside them, as are those of the next two.
enum EvalSettings {
    enum General: SettingScope { static let (command, section) = (Setting.Command.eval, Setting.Section.general) }
}

/// The settings of `vigil extract`.
enum ExtractSettings {
    enum General: SettingScope { static let (command, section) = (Setting.Command.extract, Setting.Section.general) }
}

/// The settings of `vigil train`.
enum TrainSettings {
    enum General: SettingScope { static let (command, section) = (Setting.Command.train, Setting.Section.general) }
}

/// The settings of `vigil submit` and the other clients.
enum SubmitSettings {
    enum Client: SettingScope { static let (command, section) = (Setting.Command.submit, Setting.Section.client) }
}

/// The settings of `vigil bench`, whose own options are beside them.
enum BenchSettings {
    enum General: SettingScope { static let (command, section) = (Setting.Command.bench, Setting.Section.general) }
    enum Client: SettingScope { static let (command, section) = (Setting.Command.bench, Setting.Section.client) }
}
