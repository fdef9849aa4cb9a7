import Foundation
import HTTP
import Jobs
import SQLiteStore
import Scoring
import Testing

@testable import vigil

@Suite("The table of settings and the code")
struct SettingDefaultsTests {
    @Test(
        "options are those of the table and the command's own",
        arguments: [
            (Setting.Command.serve, ServeCommand._dumpHelp(), Set(["print-config"])),
            (
                Setting.Command.score, ScoreCommand._dumpHelp(),
                Set([
                    "raw", "ffmpeg", "recipe", "crop", "pool", "frames-per-row", "cadence", "tail", "thumbnails",
                    "output",
                    "per-frame", "sweep", "frame-size",
                ])
            ),
        ])
    func options(command: Setting.Command, help: String, own: Set<String>) throws {
        let table = Setting.all.filter { $0.commands.contains(command) }
        let off = table.compactMap { setting in
            if case .boolean = setting.kind { "no-\(setting.name)" } else { nil }
        }
        let known = try Self.options(in: help).subtracting(["help", "version"])
        #expect(known == own.union(table.map(\.name)).union(off))
    }

    @Test("bench has those of the table, and what speaks to a server those of clients")
    func bench() throws {
        let table = Setting.all.filter { $0.commands.contains(.bench) }
        let engine = try Self.options(in: EngineBenchCommand._dumpHelp())
        #expect(engine.isSuperset(of: table.filter { $0.section != .client }.map(\.name)))
        #expect(try Self.options(in: ServeBenchCommand._dumpHelp()).isSuperset(of: table.map(\.name)))
    }

    @Test(
        "what computes, and by which model, is asked of the same places by each command that has the option",
        arguments: [
            (Setting.Command.eval, EvalCommand._dumpHelp()), (.extract, ExtractCommand._dumpHelp()),
            (.train, TrainCommand._dumpHelp()), (.score, ScoreCommand._dumpHelp()),
        ])
    func shared(command: Setting.Command, help: String) throws {
        let table = Setting.all.filter { $0.commands.contains(command) && $0.section == .general }.map(\.name)
        let shared: Set = ["config", "kernels", "compute", "workers"]
        #expect(try Self.options(in: help).intersection(shared) == Set(table).intersection(shared))
        #expect(Set(table).isSuperset(of: ["config", "kernels"]))
        let settings = try Settings(command, environment: ["VIGIL_KERNELS": "portable", "VIGIL_COMPUTE": "int8"])
        #expect(try settings.kernels().name == "portable")
        #expect(try settings.kernels().compute == (table.contains("compute") ? .int8 : .float32))
    }

    /// The long names of all options that the argument parser knows.
    private static func options(in help: String) throws -> Set<String> {
        let root = try #require(try JSONSerialization.jsonObject(with: Data(help.utf8)) as? [String: Any])
        let command = try #require(root["command"] as? [String: Any])
        let arguments = try #require(command["arguments"] as? [[String: Any]])
        return Set(
            arguments.filter { $0["kind"] as? String != "positional" }
                .flatMap { $0["names"] as? [[String: Any]] ?? [] }
                .filter { $0["kind"] as? String == "long" }.compactMap { $0["name"] as? String })
    }

    @Test("names are told apart")
    func names() {
        #expect(Set(Setting.all.map(\.name)).count == Setting.all.count)
        #expect(Set(Setting.all.map(\.variable)).count == Setting.all.count)
    }

    @Test("defaults of jobs are those of the backlog and the stores")
    func jobs() throws {
        let settings = try Settings(.serve, environment: [:])
        #expect(try settings.integer("max-queued") == Backlog.Limits().maxJobs)
        #expect(try settings.mebibytes("max-queued-memory") == Backlog.Limits().maxBytes)
        let memory = MemoryJobStore.Settings()
        #expect(try settings.integer("attempts") == memory.attempts)
        #expect(try settings.mebibytes("max-results") == memory.resultBudgetBytes)
        let disk = SQLiteJobStore.Settings()
        #expect(try settings.integer("attempts") == disk.attempts)
        #expect(try settings.seconds("upload-ttl") == disk.uploadTTL)
        #expect(try settings.text("durability") == disk.durability.rawValue)
        let told = "\(disk.resultTTL.components.seconds); in memory \(memory.resultTTL.components.seconds)"
        #expect(Setting.named("result-ttl")?.shownDefault == told)
    }

    @Test("defaults of a score are those of the service")
    func score() throws {
        #expect(try Settings(.score, environment: [:]).scoreOptions() == ScoreOptions())
    }

    @Test("each limit of clients reaches the server")
    func clients() throws {
        let names = Setting.clients.filter { if case .integer = $0.kind { true } else { false } }
        var configuration = ServerConfiguration()
        try ClientOptions(settings: Settings(.serve, environment: [:])).apply(to: &configuration)
        #expect("\(configuration.limits)" == "\(Limits())")
        #expect("\(configuration.timeouts)" == "\(Timeouts())")
        for setting in names {
            guard case .integer(let range, _) = setting.kind else { continue }
            var changed = ServerConfiguration()
            let settings = try Settings(.serve, environment: [setting.variable: "\(range.upperBound)"])
            try ClientOptions(settings: settings).apply(to: &changed)
            #expect("\(changed)" != "\(configuration)", "\(setting.name)")
        }
    }
}
