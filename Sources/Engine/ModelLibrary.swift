import Jobs
public import Platform
import Synchronization
public import VadCLIP

/// The models that can be served: the file that each name stands for, and what became of it.
public final class ModelLibrary: Sendable {
    /// Loads the model of a file, or the embedded one, runs its self-test, and makes sure that it has its digest of the very
    /// bytes that it was loaded from. Where `copies` names a folder it is independent of the file from then on.
    public typealias Loader = @Sendable (_ path: String?, _ copies: String?) throws(ModelLoadError) -> Model

    /// What is known of a name beside the versions that are served.
    private struct Entry {
        let name: String
        /// Nil for the model that is compiled in.
        var path: String?
        /// The file that the name stands for where nobody has given it another, as at the next start.
        var home: String?
        /// Why the file could not be used when it was last read; nil where it could.
        var failure: String?
    }

    /// The models that are served.
    public let registry: ModelRegistry
    /// The folder whose files may be loaded by their names; nil for none.
    public let folder: String?
    private let load: Loader
    private let reading: @Sendable (_ path: String) -> Void
    private let entries: Mutex<[Entry]>
    /// Where copies of files are that nobody else can write to; nil where files are used as they are.
    private let copies = Mutex<String?>(nil)

    /// Serves one version, the default, whose file is at `path`; nil for the one that is compiled in.
    ///
    /// - Parameters:
    ///   - first: the version
    ///   - path: its file
    ///   - folder: whose files may be loaded by their names
    ///   - reading: called before a file is read
    ///   - load: reads a model file
    public init(
        serving first: ModelVersion, from path: String?, folder: String? = nil,
        reading: @escaping @Sendable (_ path: String) -> Void = { _ in }, load: @escaping Loader
    ) {
        registry = ModelRegistry(serving: first)
        self.folder = folder
        self.load = load
        self.reading = reading
        entries = Mutex([Entry(name: first.name, path: path, home: path)])
    }

    /// Serves a version of a further name.
    public func serve(_ version: ModelVersion, from path: String) {
        registry.promote(version)
        set(Entry(name: version.name, path: path, home: path))
    }

    /// Says why a model's file can't be used.
    public func note(failed name: String, from path: String?, _ reason: String) {
        set(Entry(name: name, path: path, home: entry(name)?.home ?? path, failure: reason))
    }

    private func set(_ entry: Entry) {
        entries.withLock { entries in
            if let index = entries.firstIndex(where: { $0.name.hasBytes(of: entry.name) }) {
                entries[index] = entry
            } else {
                entries.append(entry)
            }
        }
    }

    private func entry(_ name: String) -> Entry? { entries.withLock { $0.first { $0.name.hasBytes(of: name) } } }

    /// Why the file of a name could not be used when it was last read; nil where it could.
    public func failure(of name: String) -> String? { entry(name)?.failure }

    /// Whether a name stands for another file than at the next start, since a client has given it that.
    public func isGivenAnother(_ name: String) -> Bool {
        entry(name).map { entry in
            guard let path = entry.path, let home = entry.home else { return entry.path != entry.home }
            return !path.hasBytes(of: home)
        } ?? false
    }

    /// The file that a name stands for by the settings, or by what is in the folder.
    private func home(of name: String) -> String? {
        if let entry = entry(name) { return entry.home }
        return folder.map { "\($0)/\(name)\(Self.ending)" }
    }

    /// The names that are known, with the files that they stand for; nil for the one that is compiled in.
    public var files: [(name: String, path: String?)] { entries.withLock { $0.map { ($0.name, $0.path) } } }

    /// The names that are known and not served.
    public var absent: [AbsentModel] {
        entries.withLock(\.self).filter { registry.current($0.name) == nil }
            .map { AbsentModel(name: $0.name, failure: $0.failure) }
    }
}

/// Changes, of which whoever makes them makes one at a time.
extension ModelLibrary {
    /// Loads the file of a name beside what is served, and has it do jobs; nobody gets it before it is promoted.
    ///
    /// - Parameters:
    ///   - name: what the model is called
    ///   - file: a file of the folder, in place of the one that the name stood for
    /// - Returns: what is served where the file is still the same
    public func stage(_ name: String, from file: String? = nil) async throws(ModelChangeError) -> ModelVersion {
        let path = try path(of: name, file)
        do throws(ModelLoadError) {
            path.map(reading)
            let version = await registry.stage(
                ModelVersion(try await read(path, copies: copies.withLock(\.self)), name: name))
            set(Entry(name: name, path: path, home: home(of: name)))
            return version
        } catch {
            // What the name stood for before still counts where another file was tried.
            if file == nil { note(failed: name, from: path, error.reason) }
            throw .unusable(name, error.reason)
        }
    }

    /// Has a model do the jobs that were accepted for it, whose file was kept; nobody else finds it.
    public func bringBack(_ name: String, _ sha256: String, from path: String) async throws(ModelChangeError) {
        let version: ModelVersion
        do throws(ModelLoadError) { version = ModelVersion(try await read(path, copies: nil), name: name) } catch {
            throw .unusable(name, error.reason)
        }
        guard await version.sha256.hasBytes(of: sha256) else {
            throw .unusable(name, "\(path) is not the file that was kept: its SHA-256 is \(await version.sha256)")
        }
        _ = await registry.stage(version)
    }

    /// Loads a file that is served under no name.
    public func model(at path: String) async throws(ModelLoadError) -> Model {
        try await read(path, copies: copies.withLock(\.self))
    }

    /// Loads a file on a thread of its own: it takes a while, and Swift's threads are few.
    private func read(_ path: String?, copies: String?) async throws(ModelLoadError) -> Model {
        let load = load
        return try await WorkThreads.blocking.run { () throws(ModelLoadError) in
            let model = try load(path, copies)
            if let copies { try Self.isolate(model, in: copies) }
            return model
        }
    }

    /// What somebody may still write to is not served in the place of what nobody can: it would take the server with it.
    private static func isolate(_ model: Model, in folder: String) throws(ModelLoadError) {
        guard let file = model.info.digest.file else { return }
        do throws(FileError) { try file.isolate(in: folder) } catch {
            throw ModelLoadError(reason: "\(file.path): no copy can be made that nobody else writes to: \(error)")
        }
    }

    private func path(of name: String, _ file: String?) throws(ModelChangeError) -> String? {
        guard ModelName.isFit(name) else { throw .unknownName(name, known: files.map(\.name)) }
        if let file {
            guard let folder, ModelName.isFit(file) else { throw .badFile(file, hasFolder: folder != nil) }
            return "\(folder)/\(file)"
        }
        if let entry = entry(name) { return entry.path }
        guard let folder, access("\(folder)/\(name)\(Self.ending)", R_OK) == 0 else {
            throw .unknownName(name, known: files.map(\.name))
        }
        return "\(folder)/\(name)\(Self.ending)"
    }

    /// What the names of files in the folder end with; what stands before is the model's name.
    public static let ending = ".safetensors"

    /// The version of a name that new jobs got before, or that has a digest that begins so.
    public func earlier(_ name: String, _ digits: String? = nil) async throws(ModelChangeError) -> ModelVersion {
        let versions = registry.versions(name)
        guard !versions.isEmpty else { throw .unknownName(name, known: files.map(\.name)) }
        guard let digits else {
            guard versions.count > 1 else { throw .noEarlier(name) }
            return versions[1]
        }
        do throws(ModelLookupError) { return try await registry.version(name, beginning: digits) } catch {
            throw .noVersion(name, error)
        }
    }

    /// Says that the file of a name is gone, which is not served. One that was given another file stands for its own again; one
    /// that the folder alone has is known no longer.
    ///
    /// - Returns: the file that it stands for from now on, where that is another; nil where it is none
    public func lose(_ name: String) -> String? {
        guard registry.current(name) == nil else { return nil }
        let ofFolder = folder.map { "\($0)/\(name)\(Self.ending)" }
        return entries.withLock { entries in
            guard let index = entries.firstIndex(where: { $0.name.hasBytes(of: name) }) else { return nil }
            guard let home = entries[index].home, let path = entries[index].path else { return nil }
            if !path.hasBytes(of: home) {
                entries[index].path = home
                return home
            }
            if let ofFolder, home.hasBytes(of: ofFolder) { entries.remove(at: index) }
            return nil
        }
    }

    /// Nobody finds a name any more; it can be loaded again.
    public func unload(_ name: String) throws(ModelChangeError) {
        guard var entry = entry(name) else { throw .unknownName(name, known: files.map(\.name)) }
        do throws(RetirementError) { try registry.withdraw(name) } catch .isDefault {
            throw .isDefault(name)
        } catch {}
        entry.failure = nil
        set(entry)
    }
}

/// Files that somebody may write to while they are in use.
extension ModelLibrary {
    /// Makes what is served, and what is loaded from now on, independent of the files, by copies without names on the disk of
    /// a folder. It may take a while, and is no work for tasks.
    ///
    /// - Returns: what went wrong, by model
    public func isolate(in folder: String) -> [(name: String, error: FileError)] {
        copies.withLock { $0 = folder }
        var failures: [(name: String, error: FileError)] = []
        for version in registry.all + registry.hidden {
            // Of the very bytes that the copy has.
            _ = version.model.info.sha256
            do throws(FileError) { try version.model.info.digest.file?.isolate(in: folder) } catch {
                failures.append((version.name, error))
            }
        }
        return failures
    }
}

/// A model that is known and not served.
public struct AbsentModel: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// What is wrong with its file; nil where it was unloaded.
    public let failure: String?
    /// Whether its file can't be used.
    public var isFailed: Bool { failure != nil }
    /// Why it is not served.
    public var reason: String { failure ?? "it was unloaded" }
}

/// Why a model's file can't be used, in a sentence.
public struct ModelLoadError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The sentence.
    public let reason: String
    /// The sentence.
    public var description: String { reason }

    /// An error that says this.
    public init(reason: String) { self.reason = reason }
}

/// Why the models that are served stay as they are.
public enum ModelChangeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no such model; the names that are known.
    case unknownName(String, known: [String])
    /// The model has no version whose digest begins so, or several.
    case noVersion(String, ModelLookupError)
    /// A file that may not be loaded.
    case badFile(String, hasFolder: Bool)
    /// The file can't be used; why.
    case unusable(String, String)
    /// Nothing came before what is served.
    case noEarlier(String)
    /// It is the default.
    case isDefault(String)
    /// This service has the models that it began with.
    case isFixed

    /// What was wrong, and what was expected.
    public var description: String {
        switch self {
        case .unknownName(let name, let known):
            "no model is called '\(name.prefix(100))': expected \(known.map { "'\($0)'" }.joined(separator: ", or "))"
        case .noVersion(_, let error): error.description
        case .badFile(let file, let hasFolder):
            hasFolder
                ? "the file '\(file.prefix(100))' can't be loaded: expected the name of one in the folder of --models"
                : "the file '\(file.prefix(100))' can't be loaded: without --models a name is loaded from its own file alone"
        case .unusable(let name, let reason): "'\(name)' can't be loaded, and what is served stays: \(reason)"
        case .noEarlier(let name): "nothing came before this version of '\(name)'"
        case .isDefault(let name): "'\(name)' is the default, which can be replaced and not unloaded"
        case .isFixed: "this service has the models that it began with"
        }
    }
}
