import Engine
import Foundation
import Jobs
import Platform
import TestSupport
import Testing
import VadCLIP

@Suite("Models that are replaced without a gap", .timeLimit(.minutes(10)))
struct ModelChangesTests {
    private func digests(_ versions: [ModelVersion]) -> [String] { versions.map { $0.knownSHA256 ?? "" } }

    @Test("a version that is staged does jobs, and nobody finds it before it is promoted")
    func staged() async throws {
        let registry = ModelRegistry(serving: try TestModel.version("aa"))
        let next = await registry.stage(try TestModel.version("bb"))
        #expect(await registry.served == ServedModels(["aa": "tiny", "bb": "tiny"]))
        #expect(registry.version(of: ModelID(name: "tiny", sha256: "bb")) === next)
        #expect(digests(registry.all) == ["aa"] && digests(registry.hidden) == ["bb"])
        await #expect(throws: ModelLookupError.self) { try await registry.find("tiny@bb") }
        registry.promote(next)
        #expect(registry.default === next && registry.hidden.isEmpty)
        #expect(digests(registry.versions("tiny")) == ["bb", "aa"])
        #expect(await registry.stage(try TestModel.version("bb")) === next, "the same file is the same version")
    }

    @Test("what came before can come back, and what came before that is left to its jobs")
    func earlier() async throws {
        let registry = ModelRegistry(serving: try TestModel.version("aa"))
        for digest in ["bb", "cc"] { registry.promote(await registry.stage(try TestModel.version(digest))) }
        #expect(digests(registry.all) == ["cc", "bb"] && digests(registry.hidden) == ["aa"])
        registry.promote(registry.versions("tiny")[1])
        #expect(digests(registry.all) == ["bb", "cc"])
        registry.promote(await registry.stage(try TestModel.version("aa")))
        #expect(digests(registry.all) == ["aa", "bb"] && digests(registry.hidden) == ["cc"])
    }

    @Test("a hidden version is held until whoever has it lets go, and its memory goes with it")
    func held() async throws {
        let registry = ModelRegistry(serving: try TestModel.version("aa"))
        var request: ModelVersion? = registry.default
        let trace = Weak(try #require(request).model)
        for digest in ["bb", "cc"] { registry.promote(await registry.stage(try TestModel.version(digest))) }
        #expect(registry.unheld.isEmpty, "a request may still hand in a job for it")
        request = nil
        let ids = registry.unheld
        #expect(request == nil && ids == [ModelID(name: "tiny", sha256: "aa")])
        registry.drop(Set(ids))
        #expect(registry.hidden.isEmpty && trace.object == nil)
        #expect(registry.version(of: ids[0]) == nil)
    }

    @Test("a name that is withdrawn does its jobs and is not found; the default stays")
    func withdrawn() async throws {
        let registry = ModelRegistry(serving: try TestModel.version("aa"))
        registry.promote(await registry.stage(try TestModel.version("dd", name: "other")))
        try registry.withdraw("other")
        #expect(registry.current("other") == nil && digests(registry.hidden) == ["dd"])
        #expect(await registry.served == ServedModels(["aa": "tiny", "dd": "other"]))
        #expect(throws: RetirementError.isDefault("tiny")) { try registry.withdraw("tiny") }
        #expect(throws: RetirementError.notServed("other")) { try registry.withdraw("other") }
    }
}

@Suite("The files that models come from", .timeLimit(.minutes(10)))
struct ModelLibraryTests {
    /// Files by their paths; what is there is the digest of a model, or what is wrong with it.
    private func library(_ files: [String: String], folder: String? = nil) throws -> ModelLibrary {
        ModelLibrary(serving: try TestModel.version("aa", name: "one"), from: "/m/one", folder: folder) {
            path, _ throws(ModelLoadError) in
            guard let found = files[path ?? ""] else { throw ModelLoadError(reason: "no such file") }
            do { return try TestModel.version(found).model } catch { throw ModelLoadError(reason: "\(error)") }
        }
    }

    @Test("what is read takes the name that it is read for; what can't be read changes nothing")
    func staging() async throws {
        let library = try library(["/m/one": "bb"])
        let version = try await library.stage("one")
        #expect(version.name == "one" && version.knownSHA256 == "bb")
        library.note(failed: "two", from: "/m/two", "it is torn")
        #expect(library.absent.map { "\($0.name): \($0.reason)" } == ["two: it is torn"])
        await #expect(throws: ModelChangeError.unusable("two", "no such file")) { try await library.stage("two") }
        #expect(library.failure(of: "two") == "no such file" && library.failure(of: "one") == nil)
    }

    @Test(
        "a name that is none, and a file outside the folder, lead to no path",
        arguments: ["../x", "é", "", ".", "a/b", String(repeating: "a", count: 300)])
    func names(name: String) async throws {
        let library = try library(["/m/../x": "bb", "/m//": "bb"], folder: "/m")
        await #expect(throws: ModelChangeError.unknownName(name, known: ["one"])) { try await library.stage(name) }
        await #expect(throws: ModelChangeError.badFile(name, hasFolder: true)) {
            try await library.stage("one", from: name)
        }
    }

    @Test("a file is loaded from the folder alone, and from nowhere without one")
    func folder() async throws {
        let library = try library(["/m/new": "bb", "/m/one": "cc", "/m/two.safetensors": "dd"], folder: "/m")
        #expect(try await library.stage("one", from: "new").knownSHA256 == "bb")
        #expect(library.isGivenAnother("one"), "the next start takes its own again")
        _ = try await library.stage("one", from: "one")
        #expect(!library.isGivenAnother("one"))
        for (file, isAnother) in [("new", true), ("two.safetensors", false)] {
            _ = try await library.stage("two", from: file)
            #expect(library.isGivenAnother("two") == isAnother)
        }
        await #expect(throws: ModelChangeError.badFile("new", hasFolder: false)) {
            try await self.library(["/m/new": "bb"]).stage("one", from: "new")
        }
    }

    @Test("what was kept is taken for what it was, or not at all")
    func kept() async throws {
        let library = try library(["/state/bb": "bb", "/state/cc": "changed"])
        try await library.bringBack("one", "bb", from: "/state/bb")
        #expect(library.registry.version(of: ModelID(name: "one", sha256: "bb")) != nil)
        await #expect(throws: ModelChangeError.self) { try await library.bringBack("one", "cc", from: "/state/cc") }
        #expect(library.registry.version(of: ModelID(name: "one", sha256: "cc")) == nil)
    }

    @Test("a file of which no copy can be made once the server serves is not taken, and what is served stays")
    func noCopy() async throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/one"
        try FileManager.default.copyItem(atPath: Paths.root + "/Sources/CResources/demo.safetensors", toPath: path)
        let library = ModelLibrary(serving: try TestModel.version("aa", name: "one"), from: path) {
            path, _ throws(ModelLoadError) in
            do { return try ModelFile.load(try MappedFile(path: path ?? ""), kernels: .available[0]).0 } catch {
                throw ModelLoadError(reason: "\(error)")
            }
        }
        _ = library.isolate(in: folder.path + "/none")
        let error = await #expect(throws: ModelChangeError.self) { try await library.stage("one") }
        #expect(error?.description.contains("\(path): no copy can be made") == true)
        #expect(library.registry.default.knownSHA256 == "aa" && library.registry.hidden.isEmpty)
        _ = library.isolate(in: folder.path)
        let version = try await library.stage("one")
        truncate(path, 0)
        #expect(version.model.info.digest.file?.isUnchanged == true)
    }

    @Test("an earlier version is found by nothing, or by its digits")
    func earlier() async throws {
        let library = try library(["/m/one": "bb"])
        await #expect(throws: ModelChangeError.noEarlier("one")) { try await library.earlier("one") }
        library.registry.promote(try await library.stage("one"))
        #expect(try await library.earlier("one").knownSHA256 == "aa")
        #expect(try await library.earlier("one", "BB").knownSHA256 == "bb")
        let none = ModelLookupError.unknownVersion("one@cc", served: ["bb", "aa"])
        await #expect(throws: ModelChangeError.noVersion("one", none)) { try await library.earlier("one", "cc") }
        let hidden = await library.registry.stage(try TestModel.version("ba", name: "one"))
        #expect(try await library.earlier("one", "ba") === hidden, "what does its jobs alone can come back")
        let several = ModelLookupError.ambiguous("one@b", ["bb", "ba"])
        await #expect(throws: ModelChangeError.noVersion("one", several)) { try await library.earlier("one", "b") }
    }
}

@Suite("Names of models")
struct ModelNameTests {
    @Test("are what can stand in a path as it is")
    func fit() {
        for name in ["a", "ucf-crime", "XD.v1_2", "0", String(repeating: "a", count: 64)] {
            #expect(ModelName.isFit(name), "\(name)")
        }
        for name in [
            "", ".", "..", "../x", "-a", "_a", "a b", "a/b", "é", "a\u{301}", "a@b", "a=b", "a,b", "a%2f", "a\n",
        ] {
            #expect(!ModelName.isFit(name), "\(name)")
        }
        #expect(!ModelName.isFit(String(repeating: "a", count: 65)))
    }
}
