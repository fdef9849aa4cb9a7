import Engine
import Foundation
import Jobs
import Platform
import Scoring
import Synchronization
import TestSupport
import Testing
import VadCLIP

@testable import vigil

/// Models whose files say their digests.
@Suite("The files of models that are read while a server runs", .timeLimit(.minutes(10)))
struct ModelWatchTests {
    private let folder: ScratchFolder
    private let notes = Notes()
    private let watch: ModelWatch
    private let library: ModelLibrary
    private let scoring: ScoringService
    private let loads = Loads()

    /// How often a file was read.
    private final class Loads: Sendable {
        private let paths = Mutex<[String]>([])
        var all: [String] { paths.withLock(\.self) }
        func add(_ path: String) { paths.withLock { $0.append(path) } }
    }

    init() throws {
        folder = try ScratchFolder()
        try FileManager.default.createDirectory(atPath: folder.path + "/models", withIntermediateDirectories: true)
        watch = ModelWatch(folder: folder.path + "/models", notes.logger())
        library = ModelLibrary(
            serving: try Self.version("00"), from: nil, folder: watch.folder, reading: watch.noteReading
        ) { [loads] path, _ throws(ModelLoadError) in
            loads.add(path ?? "")
            let text = (try? String(contentsOfFile: path ?? "", encoding: .utf8)) ?? ""
            guard text.count == 2 else { throw ModelLoadError(reason: "it is torn") }
            do { return try Self.version(text).model } catch { throw ModelLoadError(reason: "\(error)") }
        }
        scoring = ScoringService(
            models: library.registry, library: library, backlog: Backlog(store: MemoryJobStore()), workers: 1)
    }

    private static func version(_ digest: String, named name: String = "default") throws -> ModelVersion {
        let configuration = ModelConfiguration(width: 16, length: 8, layers: 1, window: 4, labels: ["normal", "fire"])
        return ModelVersion(
            try Model.synthetic(configuration, sha256: digest, kernels: .available[0]), name: name)
    }

    private func put(_ text: String, _ name: String) throws {
        let path = watch.path(of: name)
        try text.write(toFile: path + ".new", atomically: false, encoding: .utf8)
        _ = rename(path + ".new", path)
    }

    private func served(_ name: String) -> String? { library.registry.current(name)?.knownSHA256 }

    /// Two looks: what changes has to stand still from one to the next.
    private func look() async {
        for _ in 0..<2 { await watch.look(scoring, library) }
    }

    @Test("what comes is served once it stands still, what changes too, and what goes is not")
    func folderChanges() async throws {
        try put("aa", "one")
        await watch.look(scoring, library)
        #expect(served("one") == nil, "it has only just come")
        await watch.look(scoring, library)
        #expect(served("one") == "aa")
        try put("torn", "one")
        await look()
        #expect(served("one") == "aa" && library.failure(of: "one") == "it is torn")
        try put("bb", "one")
        await look()
        #expect(served("one") == "bb" && library.failure(of: "one") == nil)
        unlink(watch.path(of: "one"))
        await look()
        #expect(served("one") == nil && library.absent == [], "nobody took it away, there is just no such file")
        try put("aa", "one")
        await look()
        #expect(served("one") == "aa")
    }

    @Test("a rollback stays until the file changes, whoever has read it last")
    func rolledBack() async throws {
        try put("aa", "one")
        await look()
        try put("bb", "one")
        try await scoring.load("one")
        try await scoring.rollBack("one")
        await look()
        #expect(await watch.reread(scoring, library) == .unchanged)
        #expect(served("one") == "aa")
        try await scoring.unload("one")
        await look()
        #expect(await watch.reread(scoring, library) == .unchanged)
        #expect(served("one") == nil, "it was unloaded, and its file is what it was")
        try put("cc", "one")
        await look()
        #expect(served("one") == "cc")
    }

    @Test("what can't be used is tried again on SIGHUP, and at each change")
    func failed() async throws {
        try put("torn", "one")
        await look()
        let count = loads.all.count
        await look()
        #expect(loads.all.count == count, "the same file would bring the same complaint")
        #expect(await watch.reread(scoring, library) == .kept)
        #expect(loads.all.count == count + 1)
    }

    @Test("a change of a file that several names stand for is one of all")
    func shared() async throws {
        try put("aa", "one")
        try put("aa", "two")
        await look()
        try await scoring.load("two", from: "one.safetensors")
        try put("bb", "one")
        await look()
        #expect(served("one") == "bb" && served("two") == "bb")
        try put("cc", "one")
        #expect(await watch.reread(scoring, library) == .read)
        #expect(served("one") == "cc" && served("two") == "cc")
    }

    @Test("where the file that a name was given is gone, the one that is called after it counts again")
    func ownFile() async throws {
        try put("aa", "one")
        try put("bb", "two")
        await look()
        try await scoring.load("one", from: "two.safetensors")
        unlink(watch.path(of: "two"))
        for _ in 0..<2 { await look() }
        #expect(served("one") == "aa" && served("two") == nil && library.absent == [])
        // So does the file that the settings name, though it lies elsewhere.
        let elsewhere = folder.path + "/elsewhere"
        try "ee".write(toFile: elsewhere, atomically: false, encoding: .utf8)
        library.serve(try Self.version("ee", named: "named"), from: elsewhere)
        try put("dd", "two")
        await look()
        try await scoring.load("named", from: "two.safetensors")
        #expect(served("named") == "dd")
        unlink(watch.path(of: "two"))
        for _ in 0..<2 { await look() }
        #expect(served("named") == "ee" && library.absent == [])
        // What can't be used and is gone is known no longer either.
        try put("torn", "three")
        await look()
        #expect(library.absent.map(\.name) == ["three"])
        unlink(watch.path(of: "three"))
        await look()
        #expect(library.absent == [])
    }

    @Test("a name that the settings give to a file of the folder is known though that is gone for a while")
    func namedFile() async throws {
        try put("aa", "v1")
        library.serve(try Self.version("aa", named: "ucf"), from: watch.path(of: "v1"))
        await look()
        unlink(watch.path(of: "v1"))
        await look()
        #expect(served("ucf") == nil && library.absent.map(\.name) == ["ucf"])
        try put("bb", "v1")
        await look()
        #expect(served("ucf") == "bb" && library.absent == [])
    }

    @Test("what is no model by its name is passed over, and the log says which file and why, once")
    func passedOver() async throws {
        try put("aa", "one")
        try put("bb", "é")
        for name in ["notes.txt", ".hidden", "..data.safetensors", "one.SAFETENSORS"] {
            try "cc".write(toFile: "\(folder.path)/models/\(name)", atomically: false, encoding: .utf8)
        }
        for _ in 0..<2 { await look() }
        let told = notes.all.filter { $0.contains("passed over") }
        #expect(library.registry.names == ["default", "one"] && told.count == 3, "\(told)")
        for (file, reason) in [
            ("notes.txt", "does not end"), ("one.SAFETENSORS", "does not end"), ("é.safetensors", "letters, digits"),
        ] {
            #expect(told.contains { $0.contains(file) && $0.contains(reason) }, "\(file): \(told)")
        }
    }

    @Test("a folder that can't be read takes nothing away, and is told of once")
    func blind() async throws {
        try put("aa", "one")
        await look()
        try FileManager.default.moveItem(atPath: folder.path + "/models", toPath: folder.path + "/away")
        for _ in 0..<2 { await look() }
        #expect(served("one") == "aa")
        #expect(notes.all.count { $0.contains("can't be read") } == 1, "\(notes.all)")
        try FileManager.default.moveItem(atPath: folder.path + "/away", toPath: folder.path + "/models")
        await look()
        #expect(served("one") == "aa")
    }
}
