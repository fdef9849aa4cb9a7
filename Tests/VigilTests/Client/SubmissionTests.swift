import Foundation
import HTTPClient
import Platform
import TestSupport
import Testing

@testable import vigil

@Suite("What is submitted, and under which name")
struct SubmissionTests {
    private static func upload(
        _ path: String, _ parameters: [(name: String, value: String)] = [], again: String = ""
    ) throws -> Upload {
        let file = SubmittedFile(path: path, name: SubmittedFiles.base(of: path))
        return try Upload(file, parameters, again: again, sent: { _ in }, check: {})
    }

    @Test("a key is of content, name and parameters, and of nothing else")
    func keys() throws {
        let folder = try ScratchFolder()
        let (one, other) = (folder.path + "/a.npy", folder.path + "/b.npy")
        try mkdirs(folder.path + "/in")
        try write("rows", to: one)
        try write("rows", to: other)
        try write("rows", to: folder.path + "/in/a.npy")
        let key = try Self.upload(one, [("fps", "30")]).key
        #expect(try Self.upload(folder.path + "/in/a.npy", [("fps", "30")]).key == key)
        #expect(key.utf8.count <= 255)
        let others = [
            try Self.upload(one).key, try Self.upload(one, [("fps", "3")]).key,
            try Self.upload(other, [("fps", "30")]).key,
            try Self.upload(one, [("fps", "30")], again: "x").key,
        ]
        try write("rowz", to: one)
        #expect(Set(others + [try Self.upload(one, [("fps", "30")]).key, key]).count == 6)
    }

    @Test("what stands in a query and in a form is written so that it can't be more than a value")
    func escaping() throws {
        #expect("a b&c=é/+".percentEncoded == "a%20b%26c%3D%C3%A9%2F%2B")
        let folder = try ScratchFolder()
        let path = folder.path + "/x\"\r\n.npy"
        try write("rows", to: path)
        let upload = try Self.upload(path, [("labels", "a,b&model=c")])
        #expect(upload.path == "/score?labels=a%2Cb%26model%3Dc")
        let head = String(decoding: upload.body.before, as: UTF8.self)
        #expect(head.contains("filename=\"x%22%0D%0A.npy\"\r\nContent-Type: application/octet-stream\r\n\r\n"))
        #expect(upload.body.count == upload.body.before.count + 4 + upload.body.after.count)
    }

    @Test("packed files are sent as they are, and called after what is in them")
    func packed() throws {
        let folder = try ScratchFolder()
        try write("rows", to: folder.path + "/x.npy.gz")
        let upload = try Self.upload(folder.path + "/x.npy.gz")
        #expect(upload.path == "/score?name=x.npy" && upload.body.before.isEmpty)
        #expect(upload.fields.map(\.value) == ["application/x-npy", "gzip"])
        #expect(try Self.upload(folder.path + "/x.npy.gz", [("name", "y")]).path == "/score?name=y")
    }

    @Test("of a folder what can be scored is taken, in order, from folders within too")
    func folders() throws {
        let folder = try ScratchFolder()
        for name in [
            "b.npy", "a/c.NPZ", "a/d.mp4", "a/e.txt", "f.json", "b.json", ".hidden.npy", "g.npy.gz", "g.scores.npy",
            "h.scores.json", "npy",
        ] {
            try mkdirs(folder.path + "/a")
            try write("x", to: "\(folder.path)/\(name)")
        }
        symlink(folder.path, folder.path + "/a/round")
        let found = try SubmittedFiles.all(of: [folder.path + "/", folder.path + "/b.npy"])
        #expect(found.map(\.name) == ["a/c.NPZ", "a/d.mp4", "b.npy", "f.json", "g.npy.gz"])
        let pattern = try SubmittedFiles.all(of: [folder.path + "/*.np?"])
        #expect(pattern.map(\.name) == ["b.npy", "g.scores.npy"])
        for wrong in ["/none.npy", "/no*.npy"] {
            #expect(throws: Failure.self) { try SubmittedFiles.all(of: [folder.path + wrong]) }
        }
        try mkdirs(folder.path + "/empty")
        #expect(throws: Failure.self) { try SubmittedFiles.all(of: [folder.path + "/empty"]) }
    }

    @Test(
        "a result is called after its file, and never as one that is submitted",
        arguments: [
            ("x.npy", "x"), ("a/x.npy.gz", "a/x"), ("x.tar.npy", "x.tar"), (".npy", ".npy"), ("x", "x"),
            ("a.b/x", "a.b/x"),
            ("clip.mp4", "clip"), ("x.gz", "x"), ("a/.npy", "a/.npy"),
        ])
    func stems(name: String, stem: String) {
        #expect(ResultForm.stem(of: name) == stem)
        #expect(ResultForm.npy.file(of: name, number: 2, in: "out") == "out/\(stem).2.scores.npy")
        #expect(!SubmittedFiles.isTaken(ResultForm.json.file(of: name, number: nil, in: "out")))
    }

    @Test("what was sent is known to the next run, whatever the last line of a killed one is")
    func resuming() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/run.jsonl"
        let entry = ResumeFile.Entry(id: "01M85BV3QAE4RGA8GVVP3465ME", isBatch: true)
        try ResumeFile(path).add("a", entry)
        try FileHandle(forUpdating: URL(filePath: path)).closing { file in
            try file.seekToEnd()
            try file.write(contentsOf: Data("{\"key\":\"b\",\"id\":\"01M85".utf8))
        }
        let second = try ResumeFile(path)
        #expect(second.entry("a") == entry && second.entry("b") == nil)
        second.add("c", entry)
        let third = try ResumeFile(path)
        #expect(third.entry("a") == entry && third.entry("c") == entry)
        third.remove()
        #expect(try ResumeFile(path).entry("a") == nil)
    }

    @Test("pauses grow to half a minute, and none is shorter than what was asked for")
    func pauses() {
        var backoff = Backoff()
        let pauses = (0..<12).map { _ in backoff.pause(asked: nil, chance: 1) }
        #expect(pauses.first == .milliseconds(250) && pauses.last == .seconds(30) && pauses == pauses.sorted())
        #expect(backoff.pause(asked: .seconds(7), chance: 0) == .seconds(7))
        #expect(backoff.pause(asked: .seconds(7), chance: 1) <= .seconds(8))
    }

    @Test("patience is for as long as nothing succeeds, and short with who was never there")
    func patience() {
        let patience = Patience(.seconds(100))
        func at(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }
        #expect(!patience.isOver(since: at(10), next: at(15), isThere: false))
        #expect(patience.isOver(since: at(10), next: at(16), isThere: false))
        #expect(!patience.isOver(since: at(10), next: at(110), isThere: true))
        #expect(!patience.isOver(since: at(10), next: at(110), isThere: false))
        patience.succeed(at: at(50))
        #expect(!patience.isOver(since: at(10), next: at(150), isThere: false))
        #expect(patience.isOver(since: at(10), next: at(151), isThere: false))
    }

    private func write(_ text: String, to path: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }

    private func mkdirs(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
}

extension FileHandle {
    /// Closes the file after `body`.
    fileprivate func closing(_ body: (FileHandle) throws -> Void) throws {
        try body(self)
        try close()
    }
}
