public import Jobs
import Platform
import Synchronization
public import VadCLIP

/// The models that are served, by name; of each name one version that new jobs get, and those that are kept for jobs that
/// were accepted before.
///
/// A change is one step: whoever asks gets what was there before or what is there after, and a version that someone holds
/// stays whole until he lets go of it. After each change the store has to be told what is ``served`` now.
public final class ModelRegistry: Sendable {
    /// The versions of a name.
    private struct Name {
        let text: String
        /// What new jobs get.
        var current: ModelVersion
        /// The others, the latest last.
        var earlier: [ModelVersion] = []

        var all: [ModelVersion] { [current] + earlier.reversed() }

        /// Makes a version the current one.
        mutating func put(_ version: ModelVersion) {
            earlier.removeAll { $0 === version }
            if current !== version { earlier.append(current) }
            current = version
        }
    }

    private struct State {
        /// The name of the default. It is always there: a service without a model is none.
        var first: Name
        /// The other names in the order in which they came.
        var others: [Name] = []
        /// What does jobs that were accepted for it before, and is found by nobody else.
        var hidden: [ModelVersion] = []

        var names: [Name] { [first] + others }
        /// All that does jobs.
        var working: [ModelVersion] { names.flatMap(\.all) + hidden }

        subscript(name: String) -> Name? { names.first { $0.text.hasBytes(of: name) } }

        /// Puts a changed name in its place.
        mutating func replace(_ name: Name) {
            if first.text.hasBytes(of: name.text) { first = name }
            for index in others.indices where others[index].text.hasBytes(of: name.text) { others[index] = name }
        }
    }

    private let state: Mutex<State>

    /// Serves one version, which is the default.
    public init(serving first: ModelVersion) {
        state = Mutex(State(first: Name(text: first.name, current: first)))
    }

    /// Serves one model under its own name.
    public convenience init(serving model: Model) { self.init(serving: ModelVersion(model)) }

    /// What jobs get that name no model.
    public var `default`: ModelVersion { state.withLock { $0.first.current } }

    /// The names that can be asked for, the default's first.
    public var names: [String] { state.withLock { $0.names.map(\.text) } }

    /// All that can be asked for: the default's name first, of each name first what new jobs get.
    public var all: [ModelVersion] { state.withLock { $0.names.flatMap(\.all) } }

    /// What does no more than the jobs that were accepted for it before.
    public var hidden: [ModelVersion] { state.withLock { $0.hidden } }

    /// What new jobs of a name get; nil where it has none.
    public func current(_ name: String) -> ModelVersion? { state.withLock { $0[name]?.current } }

    /// All versions that can be asked for by this name, first what new jobs get.
    public func versions(_ name: String) -> [ModelVersion] { state.withLock { $0[name]?.all ?? [] } }

    /// Whose jobs may be claimed, as the store wants to know it.
    public var served: ServedModels {
        get async {
            var names: [String: String] = [:]
            for version in state.withLock({ $0.working }).reversed() { names[await version.sha256] = version.name }
            return ServedModels(names)
        }
    }

    /// The digest of a version, once those of all that is served are known too.
    private func known(_ version: ModelVersion) async -> String {
        for other in state.withLock({ $0.working }) { _ = await other.sha256 }
        return await version.sha256
    }
}

extension ModelRegistry {
    /// The version that a job was accepted for; where its digest was not noted, what its model's name stands for.
    ///
    /// - Returns: nil where it is not served here, or its digest is not yet known.
    public func version(of id: ModelID) -> ModelVersion? {
        state.withLock { state in
            guard let sha256 = id.sha256 else { return state[id.name]?.current }
            // Each job asks, and most are the default's.
            if state.first.current.isVersion(id.name, sha256) { return state.first.current }
            let all = state.working
            return all.first { $0.isVersion(id.name, sha256) }
                ?? all.first { $0.knownSHA256?.hasBytes(of: sha256) == true }
        }
    }

    /// The version that somebody asks for: by a name, or by a name, `@` and the first digits of the SHA-256.
    public func find(_ text: String) async throws(ModelLookupError) -> ModelVersion {
        let names = state.withLock { $0.names }
        if let name = names.first(where: { $0.text.hasBytes(of: text) }) { return name.current }
        let parts = ModelName.parts(of: text)
        guard let digits = parts.digits, let name = names.first(where: { $0.text.hasBytes(of: parts.name) }) else {
            throw .unknownName(text, served: names.map(\.text))
        }
        return try await Self.version(among: name.all, beginning: digits, of: text)
    }

    /// The version of a name whose SHA-256 begins with these digits, also one that does no more than its jobs.
    public func version(_ name: String, beginning digits: String) async throws(ModelLookupError) -> ModelVersion {
        let (found, hidden, names) = state.withLock { ($0[name], $0.hidden, $0.names) }
        guard let found else { throw .unknownName(name, served: names.map(\.text)) }
        let all = found.all + hidden.filter { $0.name.hasBytes(of: name) }
        return try await Self.version(among: all, beginning: digits, of: "\(name)@\(digits)")
    }

    /// - Parameter text: what was asked for, for errors
    private static func version(
        among versions: [ModelVersion], beginning digits: String, of text: String
    ) async throws(ModelLookupError) -> ModelVersion {
        let digits = digits.asciiLowercase
        var (fitting, all): ([ModelVersion], [String]) = ([], [])
        for version in versions {
            let sha256 = await version.sha256
            all.append(sha256)
            if !digits.isEmpty, sha256.begins(with: digits) { fitting.append(version) }
        }
        guard let version = fitting.first else { throw .unknownVersion(text, served: all) }
        guard fitting.count == 1 else { throw .ambiguous(text, all.filter { $0.begins(with: digits) }) }
        return version
    }
}

/// Replacing without a gap: a version is there for jobs before anybody gets it, and for as long as any are accepted for it.
extension ModelRegistry {
    /// From now on the version does jobs that were accepted for it, and nobody finds it yet.
    ///
    /// - Returns: what is served: a version of this name and digest that was there stays, and `version` is not needed.
    public func stage(_ version: ModelVersion) async -> ModelVersion {
        let sha256 = await known(version)
        return state.withLock { state in
            if let served = state.working.first(where: { $0.isVersion(version.name, sha256) }) { return served }
            state.hidden.append(version)
            return version
        }
    }

    /// From now on new jobs of the name get a version that was staged. The one that they got before can still be asked for by
    /// its digest; what came before that one is left to its jobs.
    public func promote(_ version: ModelVersion) {
        state.withLock { state in
            state.hidden.removeAll { $0 === version }
            guard var name = state[version.name] else {
                return state.others.append(Name(text: version.name, current: version))
            }
            name.put(version)
            state.hidden += name.earlier.dropLast()
            name.earlier = name.earlier.suffix(1)
            state.replace(name)
        }
    }

    /// Nobody finds a name any more; the jobs that were accepted for its versions are done.
    public func withdraw(_ name: String) throws(RetirementError) {
        try state.withLock { state throws(RetirementError) in
            guard let gone = state[name] else { throw .notServed(name) }
            guard !state.first.text.hasBytes(of: name) else { throw .isDefault(name) }
            state.others.removeAll { $0.text.hasBytes(of: name) }
            state.hidden += gone.all
        }
    }

    /// The hidden versions that nobody else holds: since nobody finds them either, no further job is accepted for them.
    public var unheld: [ModelID] {
        state.withLock { state in
            state.hidden.indices.compactMap { index in
                guard isKnownUniquelyReferenced(&state.hidden[index]) else { return nil }
                return ModelID(name: state.hidden[index].name, sha256: state.hidden[index].knownSHA256)
            }
        }
    }

    /// Lets go of hidden versions, whose jobs are done.
    public func drop(_ ids: Set<ModelID>) {
        let gone = state.withLock { state in
            let gone = state.hidden.filter { ids.contains(ModelID(name: $0.name, sha256: $0.knownSHA256)) }
            state.hidden.removeAll { version in gone.contains { $0 === version } }
            return gone
        }
        // The last to hold them goes here, not under the lock.
        withExtendedLifetime(gone) {}
    }
}
