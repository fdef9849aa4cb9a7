import Foundation
import TestSupport
import Testing

@testable import HTTP

/// The raw requests of ../shared/http-cases, which lies beside the repository on the machines of the project; elsewhere
/// these tests are skipped.
enum SharedCases {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        let id: String
        let raw: Data
        var testDescription: String { id }
    }

    /// Found upwards from this file: the repository's root may be any of the folders on the way.
    static let folder: URL? = {
        var directory = URL(filePath: #filePath)
        for _ in 0..<6 {
            directory.deleteLastPathComponent()
            let candidate = directory.appending(path: "shared/http-cases")
            if FileManager.default.fileExists(atPath: candidate.path() + "/cases.json") { return candidate }
        }
        return nil
    }()

    static let all: [Case] = {
        guard let folder, let data = try? Data(contentsOf: folder.appending(path: "cases.json")) else { return [] }
        return (try? JSONDecoder().decode([Case].self, from: data)) ?? []
    }()

    static let hasPython = FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")
}

@Suite("the shared cases")
struct CaseSuiteTests {
    @Test(
        "cut at any byte they are answered the same", .enabled(if: !SharedCases.all.isEmpty), arguments: SharedCases.all
    )
    func splitting(example: SharedCases.Case) {
        let raw = Array(example.raw)
        guard raw.count < 4096 else { return }
        expectSplittingChangesNothing(raw)
    }

    @Test(
        "run.py finds no difference", .enabled(if: SharedCases.folder != nil && SharedCases.hasPython),
        .timeLimit(.minutes(10)), arguments: [[], ["--must"]])
    func runner(options: [String]) async throws {
        try await TestServer.run { server in
            // It waits 0.7 seconds for each answer. A machine that was held up, or a sanitizer, takes longer once in a
            // while; a difference is one each time.
            var (status, output): (Int32, String) = (1, "")
            for _ in 0..<3 where status != 0 {
                (status, output) = try await blocking { try Self.runCases(["127.0.0.1", "\(server.port)"] + options) }
            }
            #expect(status == 0, "\(output)")
            #expect(output.contains(", 0 differ"))
        }
    }

    private static func runCases(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = [try #require(SharedCases.folder).appending(path: "run.py").path()] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }
}
