import Engine
import Jobs
import TestSupport
import Testing
import VadCLIP

/// What a registry should be, in the plainest form: a list of names, each with its digests, the current one last.
private struct RegistryModel {
    var names: [(name: String, digests: [String])]

    func digests(of name: String) -> [String] { names.first { $0.name == name }?.digests ?? [] }

    mutating func put(_ digest: String, _ name: String, alone: Bool) {
        guard let index = names.firstIndex(where: { $0.name == name }) else { return names.append((name, [digest])) }
        names[index].digests.removeAll { $0 == digest || alone }
        names[index].digests.append(digest)
    }

    /// Whether that may be.
    mutating func retire(_ digest: String, _ name: String) -> Bool {
        guard let index = names.firstIndex(where: { $0.name == name }), names[index].digests.contains(digest),
            index > 0 || names[index].digests.count > 1
        else { return false }
        names[index].digests.removeAll { $0 == digest }
        if names[index].digests.isEmpty { names.remove(at: index) }
        return true
    }
}

/// A registry under test, with all versions that ever were, none of them held but by whom a step says.
private final class RegistryRun {
    let registry: ModelRegistry
    var model: RegistryModel
    var random: SeededRandom
    var seen: [(name: String, digest: String, version: Weak<ModelVersion>, model: Weak<Model>)] = []
    var held: [ModelVersion] = []

    init(seed: UInt64) throws {
        let first = try TestModel.version("0000", name: "a")
        registry = ModelRegistry(serving: first)
        model = RegistryModel(names: [("a", ["0000"])])
        random = SeededRandom(seed: seed)
        see(first)
    }

    private func see(_ version: ModelVersion) {
        seen.append((version.name, version.knownSHA256 ?? "", Weak(version), Weak(version.model)))
    }

    /// One of few, so that versions come again and digests begin alike.
    private func digest() -> String {
        (0..<4).map { _ in Bool.random(using: &random) ? "0" : "1" }.joined()
    }

    func step() async throws {
        let name = ["a", "b", "c"].randomElement(using: &random) ?? "a"
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1: try await put(name, alone: Bool.random(using: &random))
        case 2, 3: retire(name)
        case 4: if let version = try? await registry.find(name) { held.append(version) }
        default: if !held.isEmpty { held.remove(at: Int.random(in: 0..<held.count, using: &random)) }
        }
    }

    private func put(_ name: String, alone: Bool) async throws {
        let digest = digest()
        let version = try TestModel.version(digest, name: name)
        let isThere = model.digests(of: name).contains(digest)
        let served = alone ? await registry.replace(by: version) : await registry.add(version)
        model.put(digest, name, alone: alone)
        #expect((served === version) == !isThere && served.knownSHA256 == digest)
        see(version)
    }

    private func retire(_ name: String) {
        guard let version = (registry.all + held).filter({ $0.name == name }).randomElement(using: &random) else {
            return
        }
        // One that is held may have been replaced by an equal one, which stays.
        let isServed = registry.all.contains { $0 === version }
        let mayBe = isServed && model.retire(version.knownSHA256 ?? "", name)
        do {
            try registry.retire(version)
            #expect(mayBe)
        } catch { #expect(!mayBe, "\(error)") }
    }

    /// Everything that can be asked is as in the model, and what nobody has any more is gone.
    func check(_ comment: Comment) async throws {
        let all = model.names.flatMap { name in name.digests.reversed().map { "\(name.name) \($0)" } }
        #expect(registry.all.map { "\($0.name) \($0.knownSHA256 ?? "")" } == all, comment)
        #expect(registry.default.knownSHA256 == model.names[0].digests.last, comment)
        let pairs = model.names.reversed().flatMap { name in name.digests.map { ($0, name.name) } }
        let names = Dictionary(pairs, uniquingKeysWith: { $1 })
        #expect(await registry.served == ServedModels(names), comment)
        for name in ["a", "b", "c"] {
            let digests = model.digests(of: name)
            let current = try? await registry.find(name)
            #expect(current?.knownSHA256 == digests.last, comment)
            for start in ["0", "1", "01", "001", "1101"] {
                let fitting = digests.filter { $0.hasPrefix(start) }
                let found = try? await registry.find("\(name)@\(start)")
                #expect(found?.knownSHA256 == (fitting.count == 1 ? fitting[0] : nil), comment)
            }
        }
        let kept = Set((registry.all + held).map(ObjectIdentifier.init))
        for (name, digest, version, model) in seen {
            let isKept = version.object.map { kept.contains(ObjectIdentifier($0)) } ?? false
            #expect((version.object != nil) == isKept, "\(name) \(digest) is left, \(comment)")
            #expect((model.object != nil) == isKept, "the weights of \(name) \(digest) are left, \(comment)")
        }
    }
}

@Suite("A registry of models does what a list of names and digests would", .timeLimit(.minutes(1)))
struct ModelRegistryModelTests {
    @Test("whatever is added, replaced, retired and held", arguments: 0..<20 as Range<UInt64>)
    func random(seed: UInt64) async throws {
        let run = try RegistryRun(seed: seed)
        for step in 0..<60 {
            try await run.step()
            try await run.check("seed \(seed), step \(step)")
        }
    }
}
