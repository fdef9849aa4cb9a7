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

        var names: [Name] { [first] + others }

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

    /// All that is served: the default's name first, of each name first what new jobs get.
    public var all: [ModelVersion] { state.withLock { $0.names.flatMap(\.all) } }

    /// Whose jobs may be claimed, as the store wants to know it.
    public var served: ServedModels {
        get async {
            var names: [String: String] = [:]
            for version in all.reversed() { names[await version.sha256] = version.name }
            return ServedModels(names)
        }
    }

    /// From now on new jobs of the version's name get it; those that were accepted for another still get theirs.
    ///
    /// - Returns: what is served: a version of this name and digest that was there stays, and `version` is not needed.
    @discardableResult
    public func add(_ version: ModelVersion) async -> ModelVersion { await put(version, retiring: false) }

    /// The same, and all others of the name are retired with it.
    @discardableResult
    public func replace(by version: ModelVersion) async -> ModelVersion { await put(version, retiring: true) }

    private func put(_ version: ModelVersion, retiring: Bool) async -> ModelVersion {
        // Nothing is served before its digest is known, but for the very first: so what is compared below is known.
        let sha256 = await version.sha256
        for other in all { _ = await other.sha256 }
        // What is retired goes here, not under the lock: it may be the last that holds it.
        var gone: [ModelVersion] = []
        let served = state.withLock { state in
            guard var name = state[version.name] else {
                state.others.append(Name(text: version.name, current: version))
                return version
            }
            let served = name.all.first { $0.knownSHA256 == sha256 } ?? version
            name.put(served)
            if retiring { swap(&name.earlier, &gone) }
            state.replace(name)
            return served
        }
        withExtendedLifetime(gone) {}
        return served
    }

    /// Serves a version no longer. Jobs that hold it end with it; where others of its name are served, new jobs get the one
    /// that was added last.
    public func retire(_ version: ModelVersion) throws(RetirementError) {
        try state.withLock { state throws(RetirementError) in
            guard var name = state[version.name], name.all.contains(where: { $0 === version }) else {
                throw .notServed(version.name)
            }
            if name.current !== version {
                name.earlier.removeAll { $0 === version }
            } else if let next = name.earlier.popLast() {
                name.current = next
            } else if state.first.text.hasBytes(of: name.text) {
                throw .isDefault(version.name)
            } else {
                return state.others.removeAll { $0.text.hasBytes(of: name.text) }
            }
            state.replace(name)
        }
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
            let all = state.names.flatMap(\.all)
            return all.first { $0.isVersion(id.name, sha256) }
                ?? all.first { $0.knownSHA256?.hasBytes(of: sha256) == true }
        }
    }

    /// The version that somebody asks for: by a name, or by a name, `@` and the first digits of the SHA-256.
    public func find(_ text: String) async throws(ModelLookupError) -> ModelVersion {
        let names = state.withLock { $0.names }
        if let name = names.first(where: { $0.text.hasBytes(of: text) }) { return name.current }
        guard let sign = text.utf8.lastIndex(of: UInt8(ascii: "@")),
            let name = names.first(where: { $0.text.hasBytes(of: String(text[..<sign])) })
        else { throw .unknownName(text, served: names.map(\.text)) }
        let digits = String(text[text.utf8.index(after: sign)...]).asciiLowercase
        var (fitting, others): ([ModelVersion], [String]) = ([], [])
        for version in name.all {
            let sha256 = await version.sha256
            others.append(sha256)
            if !digits.isEmpty, sha256.begins(with: digits) { fitting.append(version) }
        }
        guard let version = fitting.first else { throw .unknownVersion(text, served: others) }
        guard fitting.count == 1 else { throw .ambiguous(text, others.filter { $0.begins(with: digits) }) }
        return version
    }
}

/// Why nothing was found under what somebody asked for.
public enum ModelLookupError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no model of this name; the names that there are.
    case unknownName(String, served: [String])
    /// The model has no version whose digest begins so; the digests that there are.
    case unknownVersion(String, served: [String])
    /// Several versions have digests that begin so; which.
    case ambiguous(String, [String])

    /// What was wrong, and what was expected.
    public var description: String {
        switch self {
        case .unknownName(let text, let served):
            "no model is called '\(text.prefix(100))': expected \(Self.list(served.map { "'\($0)'" }))"
        case .unknownVersion(let text, let served):
            "no version is '\(text.prefix(100))': expected the first digits of \(Self.list(served))"
        case .ambiguous(let text, let digests):
            "'\(text.prefix(100))' is several versions: expected more digits of \(Self.list(digests))"
        }
    }

    private static func list(_ texts: [String]) -> String { texts.joined(separator: ", or ") }
}

/// Why a version goes on being served.
public enum RetirementError: Error, Sendable, Equatable, CustomStringConvertible {
    /// It was not served.
    case notServed(String)
    /// It is the default, and there is no other of its name.
    case isDefault(String)

    /// What was wrong.
    public var description: String {
        switch self {
        case .notServed(let name): "this version of '\(name)' is not served"
        case .isDefault(let name): "'\(name)' is the default, and this is its only version: add another before"
        }
    }
}
