import HTTP
import Testing

@testable import vigil

@Suite("Each setting of the table, in each place")
struct SettingPlacesTests {
    @Test("has its values, and its own default where it is not set", arguments: Setting.all)
    func values(setting: Setting) throws {
        let files = try SettingFiles()
        let standard = try Settings(setting.anyCommand, environment: [:]).read(setting)
        if case .value = setting.standard { #expect(standard != nil) } else { #expect(standard == nil) }
        for sample in SettingSamples(of: setting, file: files.empty).good {
            let option = try Settings(
                setting.anyCommand, options: [setting.name: [sample.text]], environment: [:])
            #expect(try option.read(setting) == sample.value)
            for text in [sample.text, " \(sample.text) \n"] {
                if case .path = setting.kind, text != sample.text { continue }
                let variable = try Settings(setting.anyCommand, environment: [setting.variable: text])
                #expect(try variable.read(setting) == sample.value)
            }
            guard setting.isKey else { continue }
            for json in [sample.json, "\"\(sample.text)\""] {
                let file = try Settings(
                    setting.anyCommand, options: ["config": [try files.config(setting, json)]], environment: [:])
                #expect(try file.read(setting) == sample.value, "\(json)")
            }
        }
    }

    @Test("has its values in YAML, in quotes and without", arguments: Setting.all.filter(\.isKey))
    func yaml(setting: Setting) throws {
        let files = try SettingFiles()
        for sample in SettingSamples(of: setting, file: files.empty).good {
            for yaml in [sample.json, sample.text, "'\(sample.text)'", "\"\(sample.text)\"", "\(sample.text)  # why"] {
                let path = try files.yaml("---\n\(setting.name): \(yaml)\n")
                let file = try Settings(setting.anyCommand, options: ["config": [path]], environment: [:])
                #expect(try file.read(setting) == sample.value, "\(yaml)")
                #expect(file.place(of: setting.name) == .file("\(path):2"))
            }
        }
    }

    @Test("a wrong one in YAML is told with its line", arguments: Setting.all.filter(\.isKey))
    func wrongYAML(setting: Setting) throws {
        let files = try SettingFiles()
        let samples = SettingSamples(of: setting, file: files.empty)
        for yaml in samples.wrongYAML + samples.wrongTexts.map({ "'\($0)'" }) + ["~", "", "{a: b}", "[[a]]"] {
            let path = try files.yaml("# one\n\(setting.name): \(yaml)\n")
            let failure = #expect(throws: Failure.self, "\(yaml)") {
                _ = try Settings(setting.anyCommand, options: ["config": [path]], environment: [:])
            }
            #expect(failure?.code == .configuration)
            #expect(failure?.description.hasPrefix("config file \(path):2, key \(setting.name)") == true, "\(yaml)")
            #expect(failure?.description.hasSuffix("expected \(setting.expected)") == true)
        }
    }

    @Test(
        "a URL is no path of a folder or a file to write, and nothing of it is told but how it begins",
        arguments: ["state", "audit-log", "access-log"])
    func urls(name: String) throws {
        let files = try SettingFiles()
        let setting = try #require(Setting.named(name))
        for url in ["postgres://bob:hunter2@127.0.0.1:5/db", "PostgreSQL://u:hunter2@h", "s3+x.y://hunter2", "a://"] {
            // A database is a place for jobs.
            if name == "state", url.hasPrefix("postgres:") { continue }
            let config = try files.config(setting, "\"\(url)\"")
            let makers: [() throws -> Settings] = [
                { try Settings(.serve, options: [name: [url]], environment: [:]) },
                { try Settings(.serve, environment: [setting.variable: url]) },
                { try Settings(.serve, options: ["config": [config]], environment: [:]) },
            ]
            for make in makers {
                let failure = #expect(throws: Failure.self, "\(url)") { _ = try make() }
                #expect(failure?.description.contains("a URL, ") == true)
                #expect(failure?.description.contains("hunter2") == false)
            }
        }
        for path in ["./postgres://a", "/a://b", "a:/b", "://a", "1a://b"] {
            let settings = try Settings(.serve, options: [name: [path]], environment: [:])
            #expect(try settings.text(name) == path)
        }
    }

    @Test("a wrong one is told with its place and what was expected", arguments: Setting.all)
    func wrong(setting: Setting) throws {
        let files = try SettingFiles()
        let samples = SettingSamples(of: setting, file: files.empty)
        func refused(
            _ code: Failure.Code, _ label: String, _ value: String, _ make: () throws -> Settings
        ) {
            let failure = #expect(throws: Failure.self, "\(label): \(value)") { _ = try make() }
            #expect(failure?.code == code)
            #expect(failure?.description.hasPrefix(label) == true, "\(failure?.description ?? "")")
            #expect(failure?.description.hasSuffix("expected \(setting.expected)") == true)
        }
        for text in samples.wrongTexts + [""] {
            refused(.usage, setting.option, text) {
                try Settings(setting.anyCommand, options: [setting.name: [text]], environment: [:])
            }
        }
        for text in samples.wrongTexts {
            refused(.configuration, setting.variable, text) {
                try Settings(setting.anyCommand, environment: [setting.variable: text])
            }
        }
        guard setting.isKey else { return }
        for json in samples.wrongJSON + samples.wrongTexts.map({ "\"\($0)\"" }) {
            let path = try files.config(setting, json)
            refused(.configuration, "config file \(path), key \(setting.name)", json) {
                try Settings(setting.anyCommand, options: ["config": [path]], environment: [:])
            }
        }
    }

    @Test(
        "a variable in a path is refused where no shell has seen it",
        arguments: ["${HOME}/a", "$HOME/a", "/b/$(id)", "/$_a/b"])
    func unreplaced(path: String) throws {
        let files = try SettingFiles()
        #expect(try Settings(.serve, options: ["state": [path]], environment: [:]).text("state") == path)
        for (options, environment) in [
            (["config": [try files.yaml("state: '\(path)'\n")]], [:]), ([:], ["VIGIL_STATE": path]),
        ] as [([String: [String]], [String: String])] {
            let failure = #expect(throws: Failure.self) {
                _ = try Settings(.serve, options: options, environment: environment)
            }
            #expect(failure?.code == .configuration)
            #expect(failure?.description.contains("where nothing is put in the place of a variable") == true)
        }
    }

    @Test("empty is not set, but on the command line", arguments: Setting.all.filter { !$0.isGuard })
    func empty(setting: Setting) throws {
        let files = try SettingFiles()
        let standard = try Settings(setting.anyCommand, environment: [:]).read(setting)
        for text in ["", "  "] {
            let variable = try Settings(setting.anyCommand, environment: [setting.variable: text])
            #expect(try variable.read(setting) == standard)
            #expect(variable.notes.contains { $0.hasPrefix(setting.variable) })
            guard setting.isKey else { continue }
            let path = try files.config(setting, "\"\(text)\"")
            let file = try Settings(setting.anyCommand, options: ["config": [path]], environment: [:])
            #expect(try file.read(setting) == standard)
        }
    }

    @Test("what guards the server is not switched off by an empty value", arguments: Setting.all.filter(\.isGuard))
    func guards(setting: Setting) throws {
        let files = try SettingFiles()
        func refused(_ what: Comment, _ read: () throws -> Settings) {
            let failure = #expect(throws: Failure.self, what) { _ = try read() }
            #expect(failure?.code == .configuration && failure?.description.contains("leave it out") == true, what)
        }
        for text in ["", "  "] {
            refused("the variable") { try Settings(setting.anyCommand, environment: [setting.variable: text]) }
            let path = try files.config(setting, "\"\(text)\"")
            refused("the file") { try Settings(setting.anyCommand, options: ["config": [path]], environment: [:]) }
        }
        guard case .list = setting.kind else { return }
        let path = try files.config(setting, "[]")
        refused("a list") { try Settings(setting.anyCommand, options: ["config": [path]], environment: [:]) }
    }

    @Test("the ones that guard it are among the settings")
    func guardNames() { #expect(Setting.all.filter(\.isGuard).count == 8) }

    @Test("the command line hides the environment, and that the file", arguments: Setting.all.filter(\.isKey))
    func precedence(setting: Setting) throws {
        let files = try SettingFiles()
        let good = SettingSamples(of: setting, file: files.empty).good
        let (first, last) = (good[0], good[good.count - 1])
        let path = try files.config(setting, last.json)
        let config = ["config": [path]]
        let inFile = try Settings(setting.anyCommand, options: config, environment: [:])
        #expect(inFile.place(of: setting.name) == .file(path))
        let environment = [setting.variable: first.text]
        let inBoth = try Settings(setting.anyCommand, options: config, environment: environment)
        #expect(inBoth.place(of: setting.name) == .variable)
        #expect(try inBoth.read(setting) == first.value)
        let inAll = try Settings(
            setting.anyCommand, options: config, [setting.name: [last.text]], environment: environment)
        #expect(inAll.place(of: setting.name) == .option)
        #expect(try inAll.read(setting) == last.value)
    }

    @Test("one that does nothing without another is told", arguments: Setting.all.filter { $0.needs != nil })
    func partners(setting: Setting) throws {
        let files = try SettingFiles()
        let value = SettingSamples(of: setting, file: files.empty).good[0].text
        let partner = try #require(setting.needs.flatMap { Setting.named($0) })
        let note = "\(setting.option) is not used: it does nothing without \(partner.name)"
        let alone = try Settings(.serve, options: [setting.name: [value]], environment: [:])
        #expect(alone.notes.filter { !$0.contains("can be seen by") } == [note])
        let samples = SettingSamples(of: partner, file: files.empty).good
        let both = try Settings(
            .serve, options: [setting.name: [value], partner.name: [samples[samples.count - 1].text]], environment: [:])
        #expect(both.notes.filter { !$0.contains("can be seen by") } == [])
    }

    @Test("secrets are not repeated", arguments: Setting.all.filter(\.isSecret))
    func secrets(setting: Setting) throws {
        let files = try SettingFiles()
        let path = try files.config(setting, "[\"whsec_hidden\"]")
        let failure = #expect(throws: Failure.self) {
            _ = try Settings(.serve, options: ["config": [path]], environment: [:])
        }
        #expect(failure?.description.contains("hidden") == false)
    }

    @Test("a port of the command line hides the addresses of the file, not those beside it")
    func portAndListen() throws {
        let files = try SettingFiles()
        let listen = try #require(Setting.named("listen"))
        let config = ["config": [try files.config(listen, "[\"127.0.0.1:9000\"]")]]
        var configuration = ServerConfiguration()
        try ListeningOptions(settings: Settings(.serve, options: config, environment: [:])).apply(to: &configuration)
        #expect(configuration.listen.map { "\($0)" } == ["127.0.0.1:9000"])
        let hidden = try Settings(.serve, options: config, ["port": ["9001"]], environment: [:])
        try ListeningOptions(settings: hidden).apply(to: &configuration)
        #expect(configuration.listen.isEmpty && configuration.port == 9_001)
        let both = try Settings(
            .serve, options: ["port": ["9001"], "listen": ["127.0.0.1:9000"]], environment: [:])
        #expect(throws: Failure.self) { try ListeningOptions(settings: both).apply(to: &configuration) }
    }

    @Test("a folder of jobs may have a colon in its name")
    func stateWithColon() throws {
        let settings = try Settings(.serve, environment: ["VIGIL_STATE": "/a:b"])
        let place = try #require(try StatePlace(settings, StatePlace.Name(ServerConfiguration())))
        #expect("\(place)".contains("path: \"/a:b\""))
    }

    @Test("a name that is none is told with the nearest, in each place")
    func unknown() throws {
        let files = try SettingFiles()
        try files.write("{\"apikeys\": \"x\"}", to: files.folder + "/odd.json")
        let file = #expect(throws: Failure.self) {
            _ = try Settings(.serve, options: ["config": [files.folder + "/odd.json"]], environment: [:])
        }
        #expect(file?.description.contains("did you mean api-keys?") == true)
        let variable = #expect(throws: Failure.self) { _ = try Settings(.serve, environment: ["VIGIL_PROT": "1"]) }
        #expect(variable?.description.contains("did you mean VIGIL_PORT?") == true)
    }
}
