import Engine
import Formats
import Jobs
import Platform
import TestSupport
import Testing
import VadCLIP

@Suite("The models that are served", .timeLimit(.minutes(10)))
struct ModelRegistryTests {
    @Test("are found by name, or by name and the start of their SHA-256")
    func lookup() async throws {
        let registry = ModelRegistry(serving: try TestModel.version("3f2a00", name: "ucf-crime"))
        await registry.serve(try TestModel.version("3f2b00", name: "ucf-crime"))
        await registry.serve(try TestModel.version("aa", name: "xd@home"))
        let found = [
            "ucf-crime": "3f2b00", "ucf-crime@3f2a": "3f2a00", "ucf-crime@3F2B00": "3f2b00", "xd@home": "aa",
            "xd@home@a": "aa",
        ]
        for (text, digest) in found {
            #expect(try await registry.find(text).knownSHA256 == digest, "\(text)")
        }
        let names = ["ucf-crime", "xd@home"]
        for text in ["", "ucf", "UCF-crime", "xd", "@", "@3f2a", "xd@hom", "ucf-crime@3f2a@", "xd@home@aa@"] {
            await #expect(throws: ModelLookupError.unknownName(text, served: names), "\(text)") {
                try await registry.find(text)
            }
        }
        for text in ["ucf-crime@", "ucf-crime@3f2c", "ucf-crime@3f2a000", "ucf-crime@\u{301}3f2a"] {
            await #expect(throws: ModelLookupError.unknownVersion(text, served: ["3f2b00", "3f2a00"]), "\(text)") {
                try await registry.find(text)
            }
        }
        await #expect(throws: ModelLookupError.ambiguous("ucf-crime@3f", ["3f2b00", "3f2a00"])) {
            try await registry.find("ucf-crime@3f")
        }
    }

    @Test("say in their errors what was expected")
    func errors() {
        let table: [(any Error & CustomStringConvertible, String)] = [
            (ModelLookupError.unknownName("x", served: ["a", "b"]), "no model is called 'x': expected 'a', or 'b'"),
            (
                ModelLookupError.unknownVersion("a@1", served: ["22"]),
                "no version is 'a@1': expected the first digits of 22"
            ),
            (
                ModelLookupError.ambiguous("a@1", ["12", "13"]),
                "'a@1' is several versions: expected more digits of 12, or 13"
            ),
            (RetirementError.notServed("a"), "nothing is served as 'a'"),
            (RetirementError.isDefault("a"), "'a' is the default, which stays"),
        ]
        for (error, text) in table { #expect(error.description == text) }
    }

    @Test("are known to the store by their digests, each once")
    func served() async throws {
        let registry = ModelRegistry(serving: try TestModel.version("aa", name: "one"))
        await registry.serve(try TestModel.version("bb", name: "one"))
        await registry.serve(try TestModel.version("aa", name: "two"))
        #expect(await registry.served == ServedModels(["aa": "one", "bb": "one"]))
        #expect(registry.version(of: ModelID(name: "two", sha256: "aa"))?.name == "two")
        #expect(registry.version(of: ModelID(name: "three", sha256: "aa"))?.name == "one")
        #expect(registry.version(of: ModelID(name: "one", sha256: "aa"))?.knownSHA256 == "aa")
        #expect(registry.version(of: ModelID(name: "one", sha256: nil))?.knownSHA256 == "bb")
        #expect(registry.version(of: ModelID(name: "one", sha256: "cc")) == nil)
        #expect(registry.version(of: ModelID(name: "three", sha256: nil)) == nil)
    }

    @Test("have a default, which can be replaced and not go")
    func defaultStays() async throws {
        let first = try TestModel.version("aa")
        let registry = ModelRegistry(serving: first)
        #expect(throws: RetirementError.isDefault("tiny")) { try registry.withdraw("tiny") }
        await registry.serve(try TestModel.version("cc", name: "other"))
        let second = try TestModel.version("bb")
        #expect(await registry.serve(second) === second && registry.default === second)
        #expect(throws: RetirementError.isDefault("tiny")) { try registry.withdraw("tiny") }
        try registry.withdraw("other")
        #expect(registry.all.map(\.knownSHA256) == ["bb", "aa"] && registry.names == ["tiny"])
        #expect(await registry.serve(try TestModel.version("aa")) === first && registry.default === first)
    }

    @Test("have the digest of their file, computed once for all who ask")
    func digest() async throws {
        let file = try MappedFile(path: Paths.root + "/Sources/CResources/demo.safetensors")
        let version = ModelVersion(try ModelFile.load(file, kernels: .available[0]).0)
        let digests = await withTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { await version.sha256 } }
            return await group.reduce(into: Set()) { $0.insert($1) }
        }
        var expected = SHA256()
        file.forEachPiece(of: 0..<file.count) { expected.update($0) }
        let digest = expected.hexDigest
        #expect(digests == [digest] && version.knownSHA256 == digest)
    }
}
