import Platform

/// Which model a job was accepted for.
public struct ModelID: Hashable, Sendable {
    /// What people call it; several models can have one name after another.
    public let name: String
    /// The SHA-256 of its file, in hexadecimal; nil where it was not noted.
    public let sha256: String?

    /// The model of this name and digest.
    public init(name: String, sha256: String?) {
        self.name = name
        self.sha256 = sha256
    }

    /// Whether both have the same bytes in name and digest.
    public static func == (left: ModelID, right: ModelID) -> Bool {
        left.name.hasBytes(of: right.name) && left.sha256.map { ByteText($0) } == right.sha256.map { ByteText($0) }
    }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(ByteText(name))
        hasher.combine(sha256.map { ByteText($0) })
    }
}

extension ModelID: CustomStringConvertible {
    /// The name, and as much of the digest as tells it from others.
    public var description: String { "'\(name)' (\(sha256.map { String($0.prefix(12)) } ?? "of unknown SHA-256"))" }

    /// The name and all of the digest.
    var inFull: String { "'\(name)' with SHA-256 \(sha256 ?? "unknown")" }
}

/// The models whose jobs may be claimed: a value, which a new one replaces where models come and go.
public struct ServedModels: Sendable, Equatable {
    /// Whoever claims can work on any job.
    public static let every = ServedModels(names: nil)

    /// The names by their SHA-256; nil for every model.
    private let names: [ByteText: String]?
    /// The kinds of jobs that nobody here can do, whatever their model: they wait as those of a model that is not served.
    private var kinds: Set<ByteText> = []

    private init(names: [ByteText: String]?) { self.names = names }

    /// The models with these names, by their SHA-256 in hexadecimal.
    public init(_ names: [String: String]) {
        self.names = Dictionary(uniqueKeysWithValues: names.map { (ByteText($0.key), $0.value) })
    }

    /// The same, without jobs of a kind.
    public func without(kind: String) -> ServedModels {
        var served = self
        served.kinds.insert(ByteText(kind))
        return served
    }

    /// Whether a job may be claimed.
    package func serves(_ job: Job) -> Bool {
        (kinds.isEmpty || !kinds.contains(ByteText(job.kind))) && serves(job.modelID)
    }

    /// Whether the jobs of a model may be claimed. One of unknown digest is never among those that are known.
    package func serves(_ model: ModelID) -> Bool {
        guard let names else { return true }
        return model.sha256.map { names[$0] != nil } ?? false
    }

    /// The digest that a job of unknown digest gets: that of the model of its name; nil where there is none.
    ///
    /// Jobs of before digests were noted have none. Nothing better is known of them than the name; and once one was
    /// begun by a model it is that one's for good, so that no job is ever begun by one and ended by another.
    package func digest(for model: ModelID) -> String? {
        guard model.sha256 == nil, let names else { return nil }
        return names.filter { $0.value.hasBytes(of: model.name) }.keys.map(\.text).min()
    }

    /// The models, in the order of their names and digests; empty for every model.
    package var all: [ModelID] {
        (names ?? [:]).map { ModelID(name: $0.value, sha256: $0.key.text) }
            .sorted { ($0.name, $0.sha256 ?? "") < ($1.name, $1.sha256 ?? "") }
    }

    /// Whether each model is.
    package var isEvery: Bool { names == nil }

    /// The kinds that nobody here can do.
    package var missingKinds: [String] { kinds.map(\.text).sorted() }

    /// All of them for a sentence, with their digests.
    var inFull: String { all.isEmpty ? "no model" : all.map(\.inFull).joined(separator: ", ") }
}

/// What becomes of the queued jobs of a model that is not served.
public enum MissingModel: String, Sendable, CaseIterable {
    /// They stay in the store until it is served again; those behind them go on.
    case wait
    /// They fail.
    case fail
    /// They are done by what new jobs of their model's name get, or else by the default. A store never hears of it: to it every
    /// model is served then.
    case rescore
}

/// How many queued jobs there are of a model that is not served.
public struct WaitingJobs: Sendable, Equatable {
    /// The model that they were accepted for.
    public let model: ModelID
    /// How many.
    public let jobs: Int
    /// What kind they are of, where it is this that nobody can do; nil where their model is not served.
    public let kind: String?

    /// So many jobs of a model.
    package init(model: ModelID, jobs: Int, kind: String? = nil) {
        self.model = model
        self.jobs = jobs
        self.kind = kind
    }
}

/// How many jobs of a model have not ended.
public struct OpenJobs: Sendable, Equatable {
    /// Those that are queued.
    public var queued = 0
    /// Those that a worker holds.
    public var running = 0

    /// None yet.
    package init() {}
}

/// What it meant for the queue that other models are served.
public struct ServedChange: Sendable, Equatable {
    /// What each client has that can be claimed from now on and could not before.
    public var arrived: [ByteText: JobCounts.Load] = [:]
    /// What each client has that can't be claimed any more.
    public var left: [ByteText: JobCounts.Load] = [:]
    /// The jobs whose model is not served, by model, before any of them failed for it.
    public var missing: [WaitingJobs] = []

    /// Nothing.
    package init() {}
}
