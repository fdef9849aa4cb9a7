import Foundation
import TestSupport
import Testing

@testable import vigil

@Suite("The file by which an interrupted run goes on")
struct ResumeFileTests {
    private static let id = "01M85BV3QAE4RGA8GVVP3465ME"

    private static func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
    }

    @Test("what a run has left is known to the next one, but for a line that was torn, and goes with its end")
    func lines() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/run.jsonl"
        let entry = ResumeFile.Entry(id: Self.id, isBatch: true)
        try ResumeFile(path).add("one", entry)
        for torn in ["{", "{\"key\":\"vigil-half a li"] {
            try Data((try Self.text(path) + torn).utf8).write(to: URL(fileURLWithPath: path))
            let next = try ResumeFile(path)
            #expect(next.entry("one") == entry)
            next.add(torn, entry)
            #expect(try ResumeFile(path).entry(torn) == entry)
        }
        try ResumeFile(path).remove()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test(
        "another file is refused, and is what it was",
        arguments: ["root:x:0:0:root:/root:/bin/bash\n", "{\"key\": 1}\n", "[1]", "{\"event\":\"submitted\"}\n"])
    func others(text: String) throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/precious"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        let failure = #expect(throws: Failure.self) { try ResumeFile(path) }
        #expect(failure?.code == .usage)
        #expect(try Self.text(path) == text)
    }

    @Test("a file that was put in its place stays")
    func replaced() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/run.jsonl"
        let file = try ResumeFile(path)
        rename(path, path + ".old")
        try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
        file.remove()
        #expect(try Self.text(path) == "mine")
    }
}
