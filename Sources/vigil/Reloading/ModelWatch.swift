import Engine
import Logging
import Platform
import Scoring
import Synchronization

/// Sees to it that what is in the files of models is served: those of a folder once they change, all of them on SIGHUP.
final class ModelWatch: Sendable {
    private struct Stamps {
        /// The file as it was when it was last read, with success or not.
        var read: FileStamp?
        /// The file as the last look at it found it.
        var seen: FileStamp?
    }

    /// The folder whose files come and go; nil for none.
    let folder: String?
    private let logger: Logger
    private let stamps = Mutex<[ByteText: Stamps]>([:])

    init(folder: String?, _ logger: Logger) {
        self.folder = folder
        self.logger = logger
    }

    /// To be called before a file is read.
    func noteReading(_ path: String) {
        let stamp = FileStamp(path)
        stamps.withLock { $0[ByteText(path)] = Stamps(read: stamp, seen: stamp) }
    }

    /// The models of the folder by the names of their files, in order.
    func names() -> [String] {
        guard let folder, let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let file = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard file.ends(with: ModelLibrary.ending) else { continue }
            let name = String(Substring(file.utf8.dropLast(ModelLibrary.ending.utf8.count)))
            if ModelName.isFit(name) { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Where the file of a name of the folder is.
    func path(of name: String) -> String { "\(folder ?? "")/\(name)\(ModelLibrary.ending)" }

    /// What has the models of `scoring` read again: of the folder as soon as files there stand still, of all others on SIGHUP.
    func source(_ scoring: ScoringService, _ library: ModelLibrary) -> Reloading.Source {
        let poll: @Sendable () async -> Void = { await self.look(scoring, library) }
        return Reloading.Source(name: "models", files: nil, poll: folder == nil ? nil : poll) {
            await self.reread(scoring, library)
        }
    }

    /// Looks at the folder, as is done every few seconds.
    private func look(_ scoring: ScoringService, _ library: ModelLibrary) async {
        let files = files(library).filter { isInFolder($0.path) }
        // Several names can stand for one file, whose change is seen once.
        var changes: [ByteText: Change] = [:]
        for (_, path) in files where changes[ByteText(path)] == nil { changes[ByteText(path)] = change(of: path) }
        for (name, path) in files {
            switch changes[ByteText(path)] ?? .none {
            case .none: break
            case .came: _ = await load(name, path, scoring)
            case .went: await unload(name, path, scoring)
            }
        }
    }

    /// Reads all files that are others than those that were read.
    private func reread(_ scoring: ScoringService, _ library: ModelLibrary) async -> Bool {
        let changed = files(library).filter { file in
            stamps.withLock { $0[ByteText(file.path)] }?.read != FileStamp(file.path)
        }
        var areFine = true
        for (name, path) in changed { areFine = await load(name, path, scoring) && areFine }
        return areFine
    }

    /// The names that are known with their files, and those of the folder that are not known yet.
    private func files(_ library: ModelLibrary) -> [(name: String, path: String)] {
        let known = library.files
        let new = names().filter { name in !known.contains { $0.name.hasBytes(of: name) } }
        return known.compactMap { name, path in path.map { (name, $0) } } + new.map { ($0, path(of: $0)) }
    }

    private func isInFolder(_ path: String) -> Bool { folder.map { path.begins(with: $0 + "/") } ?? false }

    private enum Change { case none, came, went }

    /// What has become of a file that stands still.
    private func change(of path: String) -> Change {
        let stamp = FileStamp(path)
        return stamps.withLock { stamps in
            var known = stamps[ByteText(path)] ?? Stamps()
            let isStill = known.seen == stamp
            known.seen = stamp
            let isChanged = isStill && known.read != stamp
            if isChanged { known.read = stamp }
            stamps[ByteText(path)] = known
            guard isChanged else { return .none }
            return stamp == nil ? .went : .came
        }
    }

    private func load(_ name: String, _ path: String, _ scoring: ScoringService) async -> Bool {
        noteReading(path)
        do throws(ScoringError) {
            let version = try await scoring.load(name)
            logger.info(
                "a model was read",
                metadata: ["model": "\(name)", "sha256": "\(version.knownSHA256 ?? "")", "file": "\(path)"])
            return true
        } catch {
            logger.error("a model was not read", metadata: ["file": "\(path)", "error": "\(error.description)"])
            return false
        }
    }

    private func unload(_ name: String, _ path: String, _ scoring: ScoringService) async {
        do throws(ScoringError) {
            try await scoring.unload(name)
            logger.info("a model's file is gone, and it is served no longer", metadata: ["model": "\(name)"])
        } catch {
            logger.warning(
                "a model's file is gone", metadata: ["file": "\(path)", "error": "\(error.description)"])
        }
    }
}
