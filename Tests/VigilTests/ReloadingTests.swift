import API
import Foundation
import Logging
import Platform
import TestSupport
import Testing

@testable import vigil

@Suite("what the log says of files that are read again")
struct ReloadingTests {
    private static let key = "alice:" + String(repeating: "ab", count: 32) + "\n"
    private static let secret = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0\n"

    private let files: SettingFiles
    private let notes = Notes()

    init() throws { files = try SettingFiles() }

    @Test(
        "a server that is still beginning is not ended by the signals that it takes later",
        arguments: [SIGHUP, SIGUSR1])
    func early(number: Int32) {
        let before = signal(number, SIG_DFL)
        defer { signal(number, before) }
        Reloading.passOverSignals()
        // One that is not passed over ends the tests.
        #expect(raise(number) == 0)
    }

    private var path: String { files.folder + "/file" }

    private func write(_ text: String, mode: Int = 0o600) throws {
        try files.write(text, to: path)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    /// What reads the file again, which is one of keys or of secrets.
    private func source(ofKeys isOfKeys: Bool) throws -> Reloading.Source {
        var sources: [Reloading.Source] = []
        let options = isOfKeys ? ["api-keys": [path]] : ["callback-secrets": [path], "callback-hosts": ["a.example"]]
        let settings = try Settings(.serve, options: options, environment: [:])
        if isOfKeys {
            _ = try AccessOptions(settings: settings).keys(notes.logger(), reloading: &sources)
        } else {
            _ = try CallbackOptions(settings: settings).delivery(
                JobTelemetry(), notes.logger(), reloading: &sources)
        }
        return try #require(sources.first)
    }

    @Test("SIGHUP's line says what was read, what is as it was, and what can't be used, and no more than that")
    func outcomes() async throws {
        func said(_ outcomes: Rereading...) async -> String {
            let sources = outcomes.enumerated().map { number, outcome in
                Reloading.Source(name: "file \(number)", files: nil) { outcome }
            }
            await Reloading.read(sources, nil, notes.logger())
            return notes.all.last ?? ""
        }
        let same = await said(.unchanged, .unchanged)
        #expect(same.contains("no file has changed") && same.contains("unchanged") && !same.contains("read again"))
        #expect(!same.contains("kept"))
        let mixed = await said(.read, .unchanged, .kept)
        #expect(mixed.contains("files were read again"))
        for part in ["read", "unchanged", "kept", "file 0", "file 1", "file 2"] { #expect(mixed.contains(part)) }
        let torn = await said(.unchanged, .kept)
        #expect(torn.contains("kept") && torn.contains("file 1") && !torn.contains("no file has changed"))
        #expect(await said().contains("no file was named"))
    }

    @Test(
        "a file that everyone can read is warned of, each time",
        arguments: [(0o644, true), (0o640, false), (0o600, false)], [true, false])
    func permissions(mode: (bits: Int, warns: Bool), isOfKeys: Bool) async throws {
        try write(isOfKeys ? Self.key : Self.secret, mode: mode.bits)
        let source = try source(ofKeys: isOfKeys)
        #expect(notes.all.count { $0.contains("warning") } == (mode.warns ? 1 : 0))
        _ = await source.read()
        #expect(notes.all.count { $0.contains("warning") } == (mode.warns ? 2 : 0))
    }

    @Test(
        "what counts now is told, and what is not taken by its line; never what stands there", arguments: [true, false])
    func changes(isOfKeys: Bool) async throws {
        let good = isOfKeys ? Self.key : Self.secret
        try write(good)
        let source = try source(ofKeys: isOfKeys)
        try write(good + "# more\n")
        _ = await source.read()
        #expect(notes.all.last?.contains("are read") == true && notes.all.last?.contains(path) == true)
        let count = notes.all.count
        try write("\nbob\n")
        _ = await source.read()
        #expect(notes.all.count == count + 1)
        let line = try #require(notes.all.last)
        #expect(line.contains("error") && line.contains("are not changed") && line.contains("\(path):2"), "\(line)")
        let secrets = good.split(separator: ":").map { $0.trimmingCharacters(in: .newlines) }.suffix(1)
        #expect(notes.all.allSatisfy { line in secrets.allSatisfy { !line.contains($0) } })
    }
}
