import Foundation
import Logging
import TestSupport
import Testing

@testable import vigil

@Suite("What is told of the settings")
struct SettingReportTests {
    private let files: SettingFiles

    init() throws { files = try SettingFiles() }

    @Test("each setting stands there with its place, and what was given in each")
    func places() throws {
        let path = try files.yaml("# one\nport: 9000\nmax-body: 64\n")
        let settings = try Settings(
            .serve, options: ["config": [path], "grace": ["7"]], environment: ["VIGIL_MAX_BODY": "32"])
        let text = try SettingReport(settings: settings, command: .serve).text()
        let lines = text.split(separator: "\n").map {
            $0.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
        }
        #expect(lines.contains("port: 9000 # file \(path):2"))
        #expect(lines.contains("max-body: 32 # environment variable VIGIL_MAX_BODY"))
        #expect(lines.contains("grace: 7 # --grace"))
        #expect(lines.contains("host: \"127.0.0.1\" # default"))
        for setting in Setting.all where setting.isKey && setting.commands.contains(.serve) {
            let own = lines.filter { $0.hasPrefix("\(setting.name):") || $0.hasPrefix("# \(setting.name):") }
            #expect(own.count == 1, "\(setting.name)")
        }
    }

    @Test("what is written is a config file that sets the same", arguments: Setting.all.filter(\.isKey))
    func again(setting: Setting) throws {
        for sample in SettingSamples(of: setting, file: files.empty).good {
            let command = setting.anyCommand
            let first = try Settings(command, options: [setting.name: [sample.text]], environment: [:])
            let path = try files.yaml(try SettingReport(settings: first, command: command).text())
            let second = try Settings(command, options: ["config": [path]], environment: [:])
            guard !(setting.isSecret && sample.value == .text("a/b")) else {
                #expect(try second.read(setting) == nil)
                continue
            }
            #expect(try second.read(setting) == sample.value)
        }
    }

    @Test("no secret is shown, nor what could end its comment")
    func secrets() throws {
        for setting in Setting.all where setting.isSecret {
            guard case .text = setting.kind else { continue }
            let settings = try Settings(setting.anyCommand, environment: [setting.variable: "hush"])
            let text = try SettingReport(settings: settings, command: setting.anyCommand).text()
            #expect(!text.contains("hush"))
            #expect(text.contains("# \(setting.name): (set, and not shown)"))
        }
        let odd = try Settings(.serve, options: ["state": ["a\nport: 1 # \"x\""]], environment: [:])
        let path = try files.yaml(try SettingReport(settings: odd, command: .serve).text())
        let again = try Settings(.serve, options: ["config": [path]], environment: [:])
        #expect(try again.text("state") == "a\nport: 1 # \"x\"")
        #expect(try again.integer("port") == 8_080)
        let joined = try Settings(.serve, options: ["state": ["&a &b"]], environment: [:])
        let other = try files.yaml(try SettingReport(settings: joined, command: .serve).text())
        #expect(try Settings(.serve, options: ["config": [other]], environment: [:]).text("state") == "&a &b")
    }

    @Test("all faults of a file are found, each with its place")
    func faults() throws {
        let path = try files.yaml("prot: 1\nmax-body: many\nmodel: /nowhere/at/all\ngrace: 5\nthreshold: 2\n")
        let check = ConfigCheck(file: path)
        let faults = check.faults.map(\.description)
        #expect(faults.count == 4)
        let starts = [
            "\(path):1: no setting", "\(path):2, key max-body", "\(path):3, key model", "\(path):5, key threshold",
        ]
        for (fault, start) in zip(faults, starts) { #expect(fault.contains(start), "\(fault)") }
        #expect(check.code == .configuration)
        #expect(ConfigCheck(file: try files.yaml("model: /nowhere/at/all\n")).code == .noInput)
        #expect(ConfigCheck(file: files.empty).faults.isEmpty)
        #expect(ConfigCheck(file: "/nowhere/at/all").faults.map(\.code) == [.noInput])
    }

    @Test("no text of a list hides another, nor one setting another")
    func severalFaults() throws {
        let path = try files.yaml(
            "trusted-proxies: [a, 10.0.0.0/8, b]\nallowed-hosts: ['http://x', y]\ncallback-hosts: [c]\ntls-key: /nowhere\n"
        )
        let faults = ConfigCheck(file: path).faults.map(\.description)
        for word in ["'a' is no range", "'b' is no range", "'http://x'", "--callback-secrets", "key tls-key: /nowhere"]
        {
            #expect(faults.count { $0.contains(word) } == 1, "\(word): \(faults)")
        }
        #expect(faults.count == 5)
    }

    @Test("a change of the config file is told by the settings that it is about, and a file that can't be used as such")
    func changes() throws {
        let notes = Notes()
        let path = try files.yaml("port: 9000\ngrace: 5\n")
        func read() throws -> Settings {
            try Settings(.serve, options: ["config": [path]], environment: ["VIGIL_GRACE": "6"])
        }
        let folder = files.folder
        let reading = try #require(
            try ConfigReading(try read()) {
                try Settings(.serve, options: ["config": [folder + "/config.yaml"]], environment: ["VIGIL_GRACE": "6"])
            })
        reading.tell(notes.logger())
        #expect(notes.all.last?.contains("changes no setting") == true)
        _ = try files.yaml("port: 9001\ngrace: 9\nmax-body: 5\n")
        reading.tell(notes.logger())
        let line = try #require(notes.all.last)
        #expect(line.contains("port") && line.contains("max-body") && !line.contains("grace"), "\(line)")
        _ = try files.yaml("prot: 9001\n")
        reading.tell(notes.logger())
        #expect(notes.all.last?.contains("can't be used") == true && notes.all.last?.contains("prot") == true)
        #expect(
            try ConfigReading(try Settings(.serve, environment: [:])) { try Settings(.serve, environment: [:]) } == nil)
    }
}

@Suite("Secrets in files of their own")
struct SecretFileTests {
    private let files: SettingFiles
    private static let secrets = Setting.all.filter { setting in
        if case .text = setting.kind { setting.isSecret } else { false }
    }

    init() throws { files = try SettingFiles() }

    private func file(_ text: String) throws -> String {
        let path = files.folder + "/secret"
        try files.write(text, to: path)
        return path
    }

    @Test("each secret has one, in each place", arguments: secrets)
    func places(setting: Setting) throws {
        let path = try file("hush\n")
        let name = setting.name + "-file"
        let twin = try #require(Setting.named(name))
        let option = try Settings(setting.anyCommand, options: [name: [path]], environment: [:])
        #expect(try option.secret(setting.name) == "hush")
        let variable = try Settings(setting.anyCommand, environment: [twin.variable: path])
        #expect(try variable.secret(setting.name) == "hush")
        let config = try files.yaml("\(name): \(path)\n")
        let inFile = try Settings(setting.anyCommand, options: ["config": [config]], environment: [:])
        #expect(try inFile.secret(setting.name) == "hush")
        #expect(try Settings(setting.anyCommand, environment: [:]).secret(setting.name) == nil)
    }

    @Test("what comes first counts, and two in one place are an error", arguments: secrets)
    func order(setting: Setting) throws {
        let path = try file("hush")
        let name = setting.name + "-file"
        let (variable, twin) = (setting.variable, setting.variable + "_FILE")
        let value = try Settings(setting.anyCommand, options: [setting.name: ["own"]], environment: [twin: path])
        #expect(try value.secret(setting.name) == "own")
        #expect(!value.isSecretInFile(setting.name))
        let named = try Settings(setting.anyCommand, options: [name: [path]], environment: [variable: "own"])
        #expect(try named.secret(setting.name) == "hush")
        #expect(named.isSecretInFile(setting.name))
        let both = try Settings(setting.anyCommand, environment: [variable: "own", twin: path])
        let failure = #expect(throws: Failure.self) { _ = try both.secret(setting.name) }
        #expect(failure?.description.contains("own") == false)
    }

    @Test("a file with nothing in it is no secret", arguments: ["", "\n", "  \n"])
    func empty(text: String) throws {
        let settings = try Settings(.serve, options: ["tls-key-passphrase-file": [try file(text)]], environment: [:])
        #expect(throws: Failure.self) { _ = try settings.secret("tls-key-passphrase") }
    }

    @Test("a client's key leaves no server open whose keys were meant")
    func clientKey() throws {
        let settings = try Settings(.serve, environment: ["VIGIL_API_KEY": "hush"])
        var sources: [Reloading.Source] = []
        let failure = #expect(throws: Failure.self) {
            _ = try AccessOptions(settings: settings).keys(Logger(label: "test"), reloading: &sources)
        }
        #expect(failure?.description.contains("--api-keys") == true)
        #expect(failure?.description.contains("hush") == false)
    }

    @Test("a secret on the command line is warned of")
    func seen() throws {
        let settings = try Settings(.serve, options: ["tls-key-passphrase": ["hush"]], environment: [:])
        #expect(settings.notes.contains { $0.contains("--tls-key-passphrase-file") && !$0.contains("hush") })
    }
}
