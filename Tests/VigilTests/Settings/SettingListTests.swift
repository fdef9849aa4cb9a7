import API
import HTTP
import Logging
import Testing

@testable import vigil

@Suite("Lists among the settings")
struct SettingListTests {
    static let lists = Setting.all.filter { if case .list = $0.kind { true } else { false } }

    @Test("the entries of a list are kept as they are, in each place", arguments: lists)
    func commas(setting: Setting) throws {
        let files = try SettingFiles()
        let (json, escaped) = (#"["a, b", " c ", "d,"]"#, #""[\"a, b\", \" c \", \"d,\"]""#)
        let expected = SettingValue.list(["a, b", "c", "d,"])
        let option = try Settings(setting.anyCommand, options: [setting.name: [json]], environment: [:])
        #expect(try option.read(setting) == expected)
        let variable = try Settings(setting.anyCommand, environment: [setting.variable: json])
        #expect(try variable.read(setting) == expected)
        for text in [json, escaped] {
            let config = ["config": [try files.config(setting, text)]]
            #expect(try Settings(setting.anyCommand, options: config, environment: [:]).read(setting) == expected)
        }
    }

    @Test("an option that is repeated is one list", arguments: lists)
    func repeated(setting: Setting) throws {
        let texts = ["a,b", #"["c,d"]"#, "e"]
        let settings = try Settings(setting.anyCommand, options: [setting.name: texts], environment: [:])
        #expect(try settings.read(setting) == .list(["a", "b", "c,d", "e"]))
    }

    @Test("a list of what is no text is refused in each place", arguments: lists)
    func wrong(setting: Setting) throws {
        for text in ["[1]", "[\"a\", null]", "[\"\"]", "[]", "[[\"a\"]]"] {
            #expect(throws: Failure.self, "\(text)") {
                _ = try Settings(setting.anyCommand, options: [setting.name: [text]], environment: [:])
            }
            #expect(throws: Failure.self, "\(text)") {
                _ = try Settings(setting.anyCommand, environment: [setting.variable: text])
            }
        }
    }

    @Test("labels reach the score as they are")
    func labels() throws {
        let files = try SettingFiles()
        let setting = try #require(Setting.named("labels"))
        let config = ["config": [try files.config(setting, #"["normal", "fire, smoke", "[x"]"#)]]
        let settings = try Settings(.score, options: config, environment: [:])
        #expect(try settings.scoreOptions().labels == ["normal", "fire, smoke", "[x"])
        let text = try Settings(.score, options: ["labels": ["normal, fight,[x"]], environment: [:])
        #expect(try text.scoreOptions().labels == ["normal", "fight", "[x"])
        let empty = try Settings(.score, options: ["labels": ["normal,,fight"]], environment: [:])
        let failure = #expect(throws: Failure.self) { _ = try empty.scoreOptions() }
        #expect(failure?.description.contains("empty") == true)
    }

    @Test(
        "an entry with a comma that can be no such name is refused by its setting",
        arguments: ["allowed-hosts", "allowed-origins", "callback-hosts", "trusted-proxies", "listen"])
    func names(name: String) throws {
        let files = try SettingFiles()
        try files.write("whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0\n", to: files.folder + "/secrets.txt")
        let entry = name == "listen" ? "127.0.0.1:1,127.0.0.1:2" : "10.0.0.1,10.0.0.2"
        let setting = try #require(Setting.named(name))
        let settings = try Settings(
            .serve, options: ["config": [try files.config(setting, "[\"\(entry)\"]")]],
            ["callback-secrets": [files.folder + "/secrets.txt"]], environment: [:])
        let failure = #expect(throws: Failure.self) {
            var configuration = ServerConfiguration()
            var reloading: [Reloading.Source] = []
            try ListeningOptions(settings: settings).apply(to: &configuration)
            _ = try AccessOptions(settings: settings).control(keys: nil, configuration)
            _ = try CallbackOptions(settings: settings).delivery(
                JobTelemetry(), Logger(label: "test"), reloading: &reloading)
        }
        #expect(failure?.description.contains("key \(name)") == true, "\(failure?.description ?? "")")
        #expect(failure?.description.contains(entry) == true, "\(failure?.description ?? "")")
    }
}
