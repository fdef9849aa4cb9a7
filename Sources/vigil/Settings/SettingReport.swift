import JSON
import Platform
import PostgresStore
import Scoring

/// All settings of a command with where each value comes from, as a config file in YAML: what is written can be read again,
/// and then is the same. Secrets are not shown.
struct SettingReport {
    private static let column = 44

    let settings: Settings
    let command: Setting.Command

    /// The text, with a line end.
    func text() throws(Failure) -> String {
        var lines = ["# vigil \(command.rawValue): every setting, and where its value comes from."]
        for section in Setting.Section.allCases {
            let own = Setting.all.filter { $0.section == section && $0.isKey && $0.commands.contains(command) }
            guard !own.isEmpty else { continue }
            lines += ["", "# \(section == .general ? "General" : section.rawValue)"]
            for setting in own { lines.append(try line(setting)) }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func line(_ setting: Setting) throws(Failure) -> String {
        let value = try settings.given(setting)
        let place = settings.place(of: setting.name).map { Self.place($0, setting) } ?? "default"
        if setting.isSecret, value != nil, case .text = setting.kind {
            return Self.padded("# \(setting.name): (set, and not shown)", place)
        }
        if case .text(let text) = value, ConnectionPlace(text)?.hasPassword == true {
            return Self.padded("# \(setting.name): (set, and not shown)", place)
        }
        if let value { return Self.padded("\(setting.name): \(Self.yaml(value, setting.kind))", place) }
        guard case .told(let told) = setting.standard else {
            return Self.padded("# \(setting.name):", setting.kind.isPath ? "none by default" : "not set")
        }
        return Self.padded("# \(setting.name): (\(told))", place)
    }

    private static func place(_ place: Settings.Place, _ setting: Setting) -> String {
        switch place {
        case .option: setting.option
        case .variable: "environment variable \(setting.variable)"
        case .file(let file): "file \(file)"
        }
    }

    private static func padded(_ text: String, _ place: String) -> String {
        let blanks = String(repeating: " ", count: max(2, column - text.utf8.count))
        // A line end would end the comment.
        return text + blanks + "# " + String(place.unicodeScalars.map { $0.value < 0x20 ? "?" : Character($0) })
    }

    /// JSON is YAML, and no text in quotes is taken for a number, a list or null. An ampersand in one might be taken for an
    /// anchor, and is written by its number.
    private static func yaml(_ value: SettingValue, _ kind: Setting.Kind) -> String {
        JSONWriter.text { json in
            switch (value, kind) {
            case (.integer(let number), .octal): json.string(String(number, radix: 8))
            case (.integer(let number), _): json.number(number)
            case (.number(let number), _): json.number(number)
            case (.boolean(let flag), _): json.raw(Array((flag ? "true" : "false").utf8))
            case (.text(let text), _): json.string(text)
            case (.list(let texts), _): json.array(texts) { $0.string($1) }
            }
        }.split(separator: "&", omittingEmptySubsequences: false).joined(separator: #"\u0026"#)
    }
}

extension Setting.Kind {
    fileprivate var isPath: Bool {
        switch self {
        case .path, .models: true
        default: false
        }
    }
}
