import Engine
import Jobs
import TestSupport
import Testing
import VadCLIP

/// What a registry should be, in the plainest form: a list of names, each with its digests, the current one first, and what is
/// hidden.
private struct RegistryModel {
    typealias Version = (name: String, digest: String)

    var names: [(name: String, digests: [String])]
    var hidden: [Version] = []

    var working: [Version] { names.flatMap { name in name.digests.map { (name.name, $0) } } + hidden }

    func digests(of name: String) -> [String] { names.first { $0.name == name }?.digests ?? [] }

    mutating func stage(_ digest: String, _ name: String) {
        if !working.contains(where: { $0 == (name, digest) }) { hidden.append((name, digest)) }
    }

    mutating func promote(_ digest: String, _ name: String) {
        hidden.removeAll { $0 == (name, digest) }
        guard let index = names.firstIndex(where: { $0.name == name }) else { return names.append((name, [digest])) }
        let digests = [digest] + names[index].digests.filter { $0 != digest }
        hidden += digests.dropFirst(2).map { (name, $0) }
        names[index].digests = Array(digests.prefix(2))
    }

    /// Whether that may be.
    mutating func withdraw(_ name: String) -> Bool {
        guard let index = names.firstIndex(where: { $0.name == name }), index > 0 else { return false }
        hidden += names.remove(at: index).digests.map { (name, $0) }
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
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1, 2: try await put(name, isFound: true)
        case 3: try await put(name, isFound: false)
        case 4: withdraw(name)
        case 5: if let version = try? await registry.find(name) { held.append(version) }
        case 6: if !held.isEmpty { held.remove(at: Int.random(in: 0..<held.count, using: &random)) }
        default: drop()
        }
    }

    private func put(_ name: String, isFound: Bool) async throws {
        let digest = digest()
        let version = try TestModel.version(digest, name: name)
        let isThere = model.working.contains { $0 == (name, digest) }
        let served = await registry.stage(version)
        model.stage(digest, name)
        #expect((served === version) == !isThere && served.knownSHA256 == digest)
        see(version)
        guard isFound else { return }
        registry.promote(served)
        model.promote(digest, name)
    }

    private func withdraw(_ name: String) {
        let mayBe = model.withdraw(name)
        do {
            try registry.withdraw(name)
            #expect(mayBe)
        } catch { #expect(!mayBe, "\(error)") }
    }

    /// What nobody has goes.
    private func drop() {
        func isHeld(_ name: String, _ digest: String) -> Bool {
            held.contains { $0.name == name && $0.knownSHA256 == digest }
        }
        let unheld = registry.unheld
        let expected = model.hidden.filter { !isHeld($0.name, $0.digest) }
        #expect(Set(unheld) == Set(expected.map { ModelID(name: $0.name, sha256: $0.digest) }))
        registry.drop(Set(unheld))
        model.hidden.removeAll { !isHeld($0.name, $0.digest) }
    }

    /// Everything that can be asked is as in the model, and what nobody has any more is gone.
    func check(_ comment: Comment) async throws {
        let all = (registry.all + registry.hidden).map { "\($0.name) \($0.knownSHA256 ?? "")" }
        #expect(all == model.working.map { "\($0.name) \($0.digest)" }, comment)
        #expect(registry.default.knownSHA256 == model.names[0].digests.first, comment)
        #expect(registry.names == model.names.map(\.name), comment)
        let pairs = model.working.reversed().map { ($0.digest, $0.name) }
        let names = Dictionary(pairs, uniquingKeysWith: { $1 })
        #expect(await registry.served == ServedModels(names), comment)
        for name in ["a", "b", "c"] {
            let digests = model.digests(of: name)
            let current = try? await registry.find(name)
            #expect(current?.knownSHA256 == digests.first, comment)
            for start in ["0", "1", "01", "001", "1101"] {
                let fitting = digests.filter { $0.hasPrefix(start) }
                let found = try? await registry.find("\(name)@\(start)")
                #expect(found?.knownSHA256 == (fitting.count == 1 ? fitting[0] : nil), comment)
            }
        }
        let kept = Set((registry.all + registry.hidden + held).map(ObjectIdentifier.init))
        for (name, digest, version, model) in seen {
            let isKept = version.object.map { kept.contains(ObjectIdentifier($0)) } ?? false
            #expect((version.object != nil) == isKept, "\(name) \(digest) is left, \(comment)")
            #expect((model.object != nil) == isKept, "the weights of \(name) \(digest) are left, \(comment)")
        }
    }
}

@Suite("A registry of models does what a list of names and digests would", .timeLimit(.minutes(10)))
struct ModelRegistryModelTests {
    @Test("whatever is staged, promoted, withdrawn, held and dropped", arguments: 0..<20 as Range<UInt64>)
    func random(seed: UInt64) async throws {
        let run = try RegistryRun(seed: seed)
        for step in 0..<60 {
            try await run.step()
            try await run.check("seed \(seed), step \(step)")
        }
    }
}
