import JSON
import Platform
import Scoring

/// The settings that were given: on the command line, else in the environment, else in the config file.
///
/// Every value in each of these places is read at the start, those of other commands and those that another place hides
/// too, so that a mistake shows at once and not when it begins to count.
struct Settings: Sendable {
    /// Where a value stands.
    enum Place: Sendable, Equatable {
        case option
        case variable
        /// A file, with the line behind its path where that is known.
        case file(String)

        /// What comes first counts.
        var rank: Int {
            switch self {
            case .option: 0
            case .variable: 1
            case .file: 2
            }
        }
    }

    struct Given: Sendable {
        var value: SettingValue
        var place: Place
    }

    /// What is wrong with a key of a config file.
    struct Fault {
        let name: String
        let failure: Failure
    }

    let command: Setting.Command
    private(set) var given: [String: Given] = [:]
    /// What the log should tell about the settings.
    private(set) var notes: [String] = []

    /// Reads what is set for `command`.
    ///
    /// - Parameter options: texts of the command line, by the settings' names
    init(
        _ command: Setting.Command, options: [String: [String]]...,
        environment: [String: String] = Settings.environment
    ) throws(Failure) {
        self.command = command
        var own: [String: Given] = [:]
        for texts in options { own.merge(try Self.read(texts)) { first, _ in first } }
        given = try read(environment)
        given.merge(own) { _, option in option }
        let hasFile = Setting.named("config")?.commands.contains(command) == true
        if hasFile, let path = try text("config") {
            try checkInput("config")
            var faults: [Fault] = []
            given.merge(read(file: path, faults: &faults) { _, _ in }) { other, _ in other }
            if let first = faults.first { throw first.failure }
        }
        for setting in Setting.all where setting.commands.contains(command) {
            try checkInput(setting.name)
        }
        noteUnused()
    }

    /// What a config file says by itself, but for that with which something is wrong, which is told key by key.
    init(_ command: Setting.Command, file path: String, faults: inout [Fault]) {
        self.command = command
        if let reason = InputFile.fault(path) {
            faults.append(Fault(name: "config", failure: Failure(.noInput, "\(path): \(reason)")))
            return
        }
        given = read(file: path, faults: &faults) { setting, given throws(Failure) in
            if setting.commands.contains(command) { try Self.checkInput(setting, given) }
        }
        noteUnused()
    }

    /// What the environment and a config file say of some settings, for who begins no server; of others it may be anything.
    init(
        only names: [String], file path: String?, environment: [String: String] = Settings.environment
    ) throws(Failure) {
        command = .serve
        let own = environment.filter { variable, _ in
            Setting.ofVariable(variable).map { names.contains($0.name) } ?? false
        }
        given = try read(own)
        guard let path else { return }
        if let reason = InputFile.fault(path) { throw Failure(.noInput, "--config: \(path): \(reason)") }
        for member in try Self.members(of: path) where names.contains(member.name) && given[member.name] == nil {
            given[member.name] = try read(member, of: key(member, member.place(in: path)), in: path)
        }
    }
}

extension Settings {
    private static func read(_ options: [String: [String]]) throws(Failure) -> [String: Given] {
        var found: [String: Given] = [:]
        for name in options.keys.sorted() {
            guard let setting = Setting.named(name), let texts = options[name] else { continue }
            var values: [SettingValue] = []
            for text in texts {
                let one = try given(setting, .option) { () throws(SettingFault) in try setting.value(of: text) }
                if let one { values.append(one.value) }
            }
            guard let last = values.last else { continue }
            let lists = values.flatMap { value -> [String] in if case .list(let texts) = value { texts } else { [] } }
            found[name] = Given(value: lists.isEmpty ? last : .list(lists), place: .option)
        }
        return found
    }

    private mutating func read(_ environment: [String: String]) throws(Failure) -> [String: Given] {
        var found: [String: Given] = [:]
        let ours = environment.keys.filter { $0.utf8.starts(with: Setting.variablePrefix.utf8) }
        for name in ours.sorted() {
            let text = environment[name] ?? ""
            if ServiceLink.has(name, in: environment) {
                notes.append("\(name) is passed over: Kubernetes or Docker sets it for a service of this name")
                continue
            }
            guard let setting = Setting.ofVariable(name) else {
                throw Failure(.configuration, unknownVariable(name))
            }
            if GivenValue.trimmed(text).isEmpty {
                do { _ = try setting.nothing("an empty text") } catch { throw Self.wrong(setting, .variable, error) }
                notes.append("\(name) is empty, which counts as not set")
                continue
            }
            found[setting.name] = try Self.given(setting, .variable) { () throws(SettingFault) in
                try setting.value(of: text)
            }
        }
        return found
    }

    /// What a file says, but for the keys with which something is wrong, or that `check` throws for.
    private mutating func read(
        file path: String, faults: inout [Fault], check: (Setting, Given) throws(Failure) -> Void
    ) -> [String: Given] {
        var found: [String: Given] = [:]
        do throws(Failure) {
            for member in try Self.members(of: path) where member.name != "$schema" {
                do throws(Failure) {
                    let setting = try key(member, member.place(in: path))
                    guard let given = try read(member, of: setting, in: path) else { continue }
                    try check(setting, given)
                    found[setting.name] = given
                } catch { faults.append(Fault(name: member.name, failure: error)) }
            }
        } catch { faults.append(Fault(name: "config", failure: error)) }
        return found
    }

    private mutating func read(
        _ member: ConfigMember, of setting: Setting, in path: String
    ) throws(Failure) -> Given? {
        let place = member.place(in: path)
        let given = try Self.given(setting, .file(place)) { () throws(SettingFault) in
            try setting.value(of: member.value)
        }
        if given == nil { notes.append("\(member.name) in \(place) is empty, which counts as not set") }
        return given
    }

    /// A value that was read in a place.
    private static func given(
        _ setting: Setting, _ place: Place, _ read: () throws(SettingFault) -> SettingValue?
    ) throws(Failure) -> Given? {
        do throws(SettingFault) {
            guard let value = try read() else { return nil }
            if let fault = setting.unreplaced(in: value, isFromShell: place == .option) { throw fault }
            return Given(value: value, place: place)
        } catch { throw wrong(setting, place, error) }
    }

    private func key(_ member: ConfigMember, _ place: String) throws(Failure) -> Setting {
        if let setting = Setting.named(member.name), setting.isKey { return setting }
        let near = Spelling.nearest(to: member.name, among: Setting.all.filter(\.isKey).map(\.name))
        throw Failure(.configuration, "config file \(place): \(unknown(member.name, "key", near: near))")
    }

    private static func members(of path: String) throws(Failure) -> [ConfigMember] {
        func failure(_ text: String) -> Failure { Failure(.configuration, "config file \(path): \(text)") }
        let file: MappedFile
        do throws(FileError) { file = try MappedFile(path: path) } catch { throw failure(error.description) }
        do throws(ConfigFault) { return try ConfigText(file).members() } catch { throw failure(error.description) }
    }

    /// What all variables begin with says nothing of which one was meant.
    private func unknownVariable(_ name: String) -> String {
        let own = String(Substring(name.utf8.dropFirst(Setting.variablePrefix.utf8.count)))
        let near = Spelling.nearest(to: own, among: Setting.all.map(\.name)).flatMap { Setting.named($0) }
        return unknown(name, "variable", near: near?.variable)
    }

    private func unknown(_ name: String, _ what: String, near: String?) -> String {
        "no setting has the \(what) '\(name.prefix(60))'"
            + (near.map { ", did you mean \($0)?" } ?? ": vigil help \(command.rawValue) lists the settings")
    }

    private static func wrong(_ setting: Setting, _ place: Place, _ fault: SettingFault) -> Failure {
        Failure(
            place == .option ? .usage : .configuration,
            "\(label(setting, place)): found \(fault.found), expected \(setting.expected)")
    }

    static func label(_ setting: Setting, _ place: Place) -> String {
        switch place {
        case .option: setting.option
        case .variable: setting.variable
        case .file(let path): "config file \(path), key \(setting.name)"
        }
    }

    /// Settings of another command, and those that do nothing without a further one.
    private mutating func noteUnused() {
        for setting in Setting.all {
            guard let given = given[setting.name] else { continue }
            let label = Self.label(setting, given.place)
            if setting.isSecret, case .text = setting.kind, given.place == .option {
                notes.append(
                    "\(setting.option) can be seen by whoever lists processes: \(setting.option)\(Setting.fileSuffix) names a "
                        + "file in its place")
            }
            if !setting.commands.contains(command) {
                notes.append(
                    "\(label) is not used: it belongs to vigil \(setting.commands.map(\.rawValue).sorted()[0])")
            } else if let needed = setting.needs, !counts(needed) {
                notes.append("\(label) is not used: it does nothing without \(needed)")
            }
        }
    }

    private func counts(_ name: String) -> Bool {
        switch given[name]?.value {
        case nil, .integer(0), .boolean(false): false
        default: true
        }
    }
}

extension Settings {
    /// Where a setting was given; nil where it was not.
    func place(of name: String) -> Place? { given[name]?.place }

    /// What a setting is called in its place; nil where it was not given.
    func label(of name: String) -> String? {
        guard let setting = Setting.named(name), let place = place(of: name) else { return nil }
        return Self.label(setting, place)
    }

    /// What is wrong with what was given: the setting's place, then the sentence.
    func failure(_ name: String, _ sentence: String) -> Failure {
        guard let setting = Setting.named(name), let place = place(of: name) else {
            return Failure(.configuration, "--\(name): \(sentence)")
        }
        return Failure(place == .option ? .usage : .configuration, "\(Self.label(setting, place)): \(sentence)")
    }

    /// What is wrong with settings that do not fit together.
    func conflict(of names: String..., sentence: String) -> Failure {
        Failure(names.contains { place(of: $0) == .option } ? .usage : .configuration, sentence)
    }

    /// One rule for every file that a setting names: one that is not there, or can't be read, is no such input; what is in
    /// it is judged by whoever reads it.
    private func checkInput(_ name: String) throws(Failure) {
        guard let setting = Setting.named(name), let given = given[name] else { return }
        try Self.checkInput(setting, given)
    }

    private static func checkInput(_ setting: Setting, _ given: Given) throws(Failure) {
        let paths: [String] =
            switch (setting.kind, given.value) {
            case (.path(.input), .text(let path)): [path]
            // A server begins without the others, as it does where they are broken.
            case (.models, .list(let texts)): texts.prefix(1).compactMap { (try? ModelArgument($0))?.path }
            default: []
            }
        for path in paths {
            guard let reason = InputFile.fault(path) else { continue }
            throw Failure(.noInput, "\(label(setting, given.place)): \(path): \(reason)")
        }
    }

    /// The settings for each text of a list by itself, so that all that is wrong can be found.
    func split(by name: String) -> [Settings] {
        guard case .list(let texts)? = given[name]?.value else { return [self] }
        let entries = texts.filter { !$0.isEmpty }
        guard entries.count > 1 else { return [self] }
        return entries.map { text in
            var one = self
            one.given[name]?.value = .list([text])
            return one
        }
    }

    /// What counts for a setting, whatever its type; nil where it is not set and has no default.
    func given(_ setting: Setting) throws(Failure) -> SettingValue? { try value(setting.name) }

    /// The settings of the command that have another value, or none, in `other`.
    func changes(in other: Settings) -> [String] {
        Setting.all.filter { $0.commands.contains(command) && given[$0.name]?.value != other.given[$0.name]?.value }
            .map(\.name)
    }

    /// What counts for a setting: what was given, else its default.
    private func value(_ name: String) throws(Failure) -> SettingValue? {
        if let given = given[name] { return given.value }
        guard let setting = Setting.named(name) else {
            throw Failure(.internal, "--\(name) is read, but is not among the settings")
        }
        guard case .value(let text) = setting.standard else { return nil }
        do { return try setting.value(of: text) } catch {
            throw Failure(.internal, "the default of \(setting.option) is not what it expects")
        }
    }

    private func without(_ name: String) -> Failure {
        Failure(.internal, "--\(name) is read as what it is not, or has no default")
    }

    /// A text, a path or a choice; nil where it is not set and has no default.
    func text(_ name: String) throws(Failure) -> String? {
        switch try value(name) {
        case .text(let text): text
        case nil: nil
        default: throw without(name)
        }
    }

    /// A whole number, nil where it is not set and has no default.
    func integer(ifSet name: String) throws(Failure) -> Int? {
        switch try value(name) {
        case .integer(let number): number
        case nil: nil
        default: throw without(name)
        }
    }

    /// A whole number that is set or has a default.
    func integer(_ name: String) throws(Failure) -> Int {
        guard let number = try integer(ifSet: name) else { throw without(name) }
        return number
    }

    /// Seconds that are set or have a default.
    func seconds(_ name: String) throws(Failure) -> Duration { .seconds(try integer(name)) }

    /// Bytes of a setting in MiB that is set or has a default.
    func mebibytes(_ name: String) throws(Failure) -> Int { try integer(name) << 20 }

    /// A number; nil where it is not set and has no default.
    func number(ifSet name: String) throws(Failure) -> Double? {
        switch try value(name) {
        case .number(let number): number
        case nil: nil
        default: throw without(name)
        }
    }

    /// Whether something is switched on.
    func isOn(_ name: String) throws(Failure) -> Bool {
        guard case .boolean(let flag) = try value(name) else { throw without(name) }
        return flag
    }

    /// Texts that were given with commas between them, or as a list; none where it is not set, and none that is empty.
    func list(_ name: String) throws(Failure) -> [String] {
        switch try value(name) {
        case .list(let texts): texts.filter { !$0.isEmpty }
        case nil: []
        default: throw without(name)
        }
    }

    /// All texts of a list, with what is empty between two commas; nil where it is not set.
    func entries(ifSet name: String) throws(Failure) -> [String]? {
        switch try value(name) {
        case .list(let texts): texts
        case nil: nil
        default: throw without(name)
        }
    }
}
