import Foundation
import Jobs
import Platform
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Files that jobs have in common, and those of their models", .timeLimit(.minutes(10)))
struct ModelFileTests {
    private static let digest = Array("a model".utf8).withUnsafeBytes { SHA256.hexDigest(of: $0) }

    private func store(_ folder: ScratchFolder) throws -> SQLiteJobStore {
        try SQLiteJobStore(folder: StateFolder(folder.path + "/state"))
    }

    private func submission(_ inputs: [(subject: JobSubject, count: Int)]) -> Submission {
        Submission(
            batch: inputs.map { subject, count in
                var random = SeededRandom(seed: 1)
                return NewJob(
                    kind: "k", subject: subject, input: JobBody(random.floats(count, scale: 1)), model: "m")
            })
    }

    @Test("a large input of several jobs is one file, which goes with the last of them")
    func shared() async throws {
        let folder = try ScratchFolder()
        let store = try store(folder)
        let (one, other) = (JobSubject([1]), JobSubject([1]))
        let receipt = try await store.submit(
            submission([(one, 80_000), (one, 80_000), (one, 80_000), (other, 80_000)]))
        func inodes() throws -> [Int] {
            try receipt.jobs.compactMap { job in
                let path = folder.path + "/state/files/\(job.id).in"
                return try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
            }
        }
        let found = try inodes()
        #expect(found.count == 4 && Set(found[..<3]).count == 1 && found[3] != found[0])
        var inputs: [JobBody] = []
        while let claimed = try await store.claim(limit: 1).first {
            inputs.append(claimed.input)
            _ = try await store.complete(claimed.token, with: .succeeded(JobOutput(body: [])), timings: nil)
        }
        #expect(inputs.count == 4 && inputs.allSatisfy { $0 == inputs[0] })
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/state/files").isEmpty)
        store.close()
    }

    @Test("models that jobs wait for are kept once each, come with a backup, and go when they are not needed")
    func kept() async throws {
        let folder = try ScratchFolder()
        let path = try folder.write(Array("a model".utf8), to: "model").path
        let store = try store(folder)
        _ = try await store.submit(submission([(JobSubject([1]), 10)]))
        let keeper = try #require(store.models)
        #expect(keeper.kept().isEmpty && keeper.path(of: Self.digest) == nil)
        let file = try MappedFile(path: path)
        for _ in 0..<2 { try keeper.keep(Self.digest) { path throws(FileError) in try file.copy(to: path) } }
        let place = try #require(keeper.path(of: Self.digest))
        #expect(keeper.kept() == [Self.digest])
        // Another file in the place of the first is none of its business.
        _ = try folder.write(Array("another".utf8), to: "other")
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: folder.path + "/other", toPath: path)
        #expect(try String(contentsOfFile: place, encoding: .utf8) == "a model")
        #expect(try FolderSummary(of: folder.path + "/state").models == 1)
        let backup = try FolderBackup(of: folder.path + "/state", into: folder.path + "/copy")
        #expect(backup.isWhole)
        let copy = folder.path + "/copy/models/\(Self.digest).safetensors"
        #expect(try String(contentsOfFile: copy, encoding: .utf8) == "a model")
        for digits in ["../../model", "", "0a"] {
            keeper.remove(digits)
            #expect(keeper.path(of: digits) == nil)
        }
        keeper.remove(Self.digest)
        #expect(keeper.kept().isEmpty && !FileManager.default.fileExists(atPath: folder.path + "/state/models"))
        store.close()
    }

    @Test("a model that is damaged, or gone though jobs wait for it, is told of by a check")
    func checked() async throws {
        let folder = try ScratchFolder()
        let state = folder.path + "/state"
        let file = try MappedFile(path: folder.write(Array("a model".utf8), to: "model").path)
        var job = NewJob(kind: "k", subject: JobSubject([1]), input: JobBody([1] as [Float]), model: "m")
        job.modelSHA256 = Self.digest
        do {
            let store = try store(folder)
            try #require(store.models).keep(Self.digest) { path throws(FileError) in try file.copy(to: path) }
            _ = try await store.submit(Submission(job))
            store.close()
        }
        #expect(try FolderReport(of: state).isWhole)
        let place = "\(state)/models/\(Self.digest).safetensors"
        try FileManager.default.removeItem(atPath: place)
        let gone = try FolderReport(of: state)
        #expect(gone.damages.map(\.path) == [state + "/models"] && !gone.isRefused)
        #expect(gone.damages.first?.reason.contains("a job waits") == true)
        try "a modem".write(toFile: place, atomically: false, encoding: .utf8)
        #expect(try FolderReport(of: state).damages.map(\.path) == [place])
        try FileManager.default.removeItem(atPath: place)
        do {
            let store = try store(folder)
            let claimed = try #require(try await store.claim(limit: 1).first)
            _ = try await store.complete(claimed.token, with: .succeeded(JobOutput(body: [])), timings: nil)
            store.close()
        }
        #expect(try FolderReport(of: state).isWhole, "no job needs it")
    }

    @Test("a kept model that is not what it was is not trusted for its name: it is kept anew")
    func damaged() async throws {
        let folder = try ScratchFolder()
        let store = try store(folder)
        let keeper = try #require(store.models)
        let file = try MappedFile(path: folder.write(Array("a model".utf8), to: "model").path)
        let digest = FileDigest(of: file).value
        for text in ["a modem", "a", ""] {
            try keeper.keep(digest) { path throws(FileError) in try file.copy(to: path) }
            let place = try #require(keeper.path(of: digest))
            // The name that it has elsewhere is not touched.
            try FileManager.default.removeItem(atPath: place)
            try text.write(toFile: place, atomically: false, encoding: .utf8)
            try keeper.keep(digest) { path throws(FileError) in try file.copy(to: path) }
            #expect(try String(contentsOfFile: place, encoding: .utf8) == "a model", "\(text)")
        }
        var copies = 0
        try keeper.keep(digest) { _ in copies += 1 }
        #expect(copies == 0, "what is whole stays")
        let place = try #require(keeper.path(of: digest))
        try FileManager.default.removeItem(atPath: place)
        try "a modem".write(toFile: place, atomically: false, encoding: .utf8)
        #expect(throws: FileError.noSuchFile(path: "x")) {
            try keeper.keep(digest) { _ throws(FileError) in throw .noSuchFile(path: "x") }
        }
        #expect(try String(contentsOfFile: place, encoding: .utf8) == "a modem", "nothing took its place")
        #expect(try FileManager.default.contentsOfDirectory(atPath: keeper.folder + "/models").count == 1)
        store.close()
    }

    @Test("a file that is part of the program is copied, and one that was written to since is not taken")
    func copies() throws {
        let folder = try ScratchFolder()
        let path = try folder.write(Array("a model".utf8), to: "model").path
        let held = try MappedFile(holding: path)
        try held.copy(to: folder.path + "/held")
        #expect(try String(contentsOfFile: folder.path + "/held", encoding: .utf8) == "a model")
        let mapped = try MappedFile(path: path)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("!".utf8))
        try handle.close()
        #expect(throws: FileError.self) { try mapped.copy(to: folder.path + "/late") }
    }
}
