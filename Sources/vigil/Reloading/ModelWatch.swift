import Engine
import Logging
import Platform
import Scoring
import Synchronization

/// Sees to it that what is in the files of models is served: those of a folder once they change, all of them on SIGHUP.
final class ModelWatch: Sendable {
    private struct Stamps {
        /// The file as it was when it was last read, with success or not, by whomever; nil where it was not there.
        var read: FileStamp?
        /// The file as the last look at it found it.
        var seen: FileStamp?
    }

    /// A file, and the names that stand for it.
    private struct File {
        let path: String
        var names: [String]
    }

    /// What a look at a file found.
    private enum Look {
        case here(FileStamp)
        case gone
        /// The system does not say.
        case unknown
    }

    /// The folder whose files come and go; nil for none.
    let folder: String?
    private let logger: Logger
    private let stamps = Mutex<[ByteText: Stamps]>([:])
    /// The files of the folder that the log was told are passed over.
    private let passedOver = Mutex<Set<ByteText>>([])
    /// Whether the log was told that the folder can't be read.
    private let isBlind = Mutex(false)

    init(folder: String?, _ logger: Logger) {
        self.folder = folder
        self.logger = logger
    }

    /// To be called before a file is read, whoever reads it.
    func noteReading(_ path: String) {
        let stamp = FileStamp(path)
        stamps.withLock { $0[ByteText(path)] = Stamps(read: stamp, seen: stamp) }
    }

    /// The models of the folder by the names of their files, in order; nil where it can't be read.
    func names() -> [String]? {
        guard let folder else { return [] }
        var names: [String] = []
        let isRead = FolderNames.each(in: folder) { file, _ in
            // What begins so is being written, or how a folder is swapped as a whole.
            guard file.utf8.first != UInt8(ascii: ".") else { return true }
            guard file.ends(with: ModelLibrary.ending) else {
                passOver(file, "its name does not end with \(ModelLibrary.ending)")
                return true
            }
            let name = String(Substring(file.utf8.dropLast(ModelLibrary.ending.utf8.count)))
            if ModelName.isFit(name) {
                names.append(name)
            } else {
                passOver(file, "a model can't be called so: expected \(ModelName.expected)")
            }
            return true
        }
        return !isRead ? nil : names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Tells the log once of a file of the folder that is not served.
    func passOver(_ file: String, _ reason: String) {
        let isNew = passedOver.withLock { $0.count < Self.mostPassedOver && $0.insert(ByteText(file)).inserted }
        guard isNew else { return }
        logger.notice(
            "a file of the folder of models is passed over",
            metadata: ["file": "\(folder ?? "")/\(file)", "reason": "\(reason)"])
    }

    private static let mostPassedOver = 1_000

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
    func look(_ scoring: ScoringService, _ library: ModelLibrary) async {
        guard let files = files(library) else { return }
        for file in files where isInFolder(file.path) {
            switch change(of: file.path) {
            case .none: break
            case .came: for name in file.names { _ = await load(name, file.path, scoring) }
            case .went: for name in file.names { await unload(name, file.path, scoring) }
            }
        }
    }

    /// Reads all files that are others than those that were read, and those that could not be used then.
    func reread(_ scoring: ScoringService, _ library: ModelLibrary) async -> Rereading {
        guard let files = files(library) else { return .kept }
        var outcome = Rereading.unchanged
        for file in files {
            let isChanged = stamps.withLock { $0[ByteText(file.path)] }?.read != FileStamp(file.path)
            for name in file.names where isChanged || library.failure(of: name) != nil {
                let isFine = await load(name, file.path, scoring)
                outcome = !isFine || outcome == .kept ? .kept : .read
            }
        }
        return outcome
    }

    /// The files that names stand for, and those of the folder that are not known yet; nil where the folder can't be read.
    private func files(_ library: ModelLibrary) -> [File]? {
        let names = names()
        let wasBlind = isBlind.withLock { isBlind in
            defer { isBlind = names == nil }
            return isBlind
        }
        guard let names else {
            if !wasBlind {
                logger.warning(
                    "the folder of models can't be read, and what is served stays",
                    metadata: ["folder": "\(folder ?? "")", "error": "\(errnoText(errno))"])
            }
            return nil
        }
        let known = library.files
        let new = names.filter { name in !known.contains { $0.name.hasBytes(of: name) } }
        var files: [File] = []
        for (name, path) in known.map({ ($0.name, $0.path) }) + new.map({ ($0, path(of: $0)) }) {
            guard let path else { continue }
            if let index = files.firstIndex(where: { $0.path.hasBytes(of: path) }) {
                files[index].names.append(name)
            } else {
                files.append(File(path: path, names: [name]))
            }
        }
        return files
    }

    private func isInFolder(_ path: String) -> Bool { folder.map { path.begins(with: $0 + "/") } ?? false }

    private enum Change { case none, came, went }

    /// What has become of a file that stands still.
    private func change(of path: String) -> Change {
        let stamp: FileStamp?
        switch Self.look(at: path) {
        case .here(let found): stamp = found
        case .gone: stamp = nil
        case .unknown: return .none
        }
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

    /// A disk that does not answer says nothing of what is on it.
    private static func look(at path: String) -> Look {
        if let stamp = FileStamp(path) { return .here(stamp) }
        return errno == ENOENT ? .gone : .unknown
    }

    private func load(_ name: String, _ path: String, _ scoring: ScoringService) async -> Bool {
        do throws(ScoringError) {
            let version = try await scoring.load(name)
            logger.info(
                "a model was read",
                metadata: ["model": "\(name)", "sha256": "\(version.knownSHA256 ?? "")", "file": "\(path)"])
            return true
        } catch {
            logger.error("a model was not read", metadata: ["file": "\(path)", "error": "\(error.description)"])
            // It was no fault of the file: the next look tries again.
            if case .store = error { stamps.withLock { $0[ByteText(path)] = nil } }
            return false
        }
    }

    private func unload(_ name: String, _ path: String, _ scoring: ScoringService) async {
        do throws(ScoringError) {
            let home = try await scoring.unload(name, isGone: true)
            logger.info("a model's file is gone, and it is served no longer", metadata: ["model": "\(name)"])
            // Its own file counts again: one of the folder once it stands still, as one that is new.
            if let home, !isInFolder(home) {
                _ = await load(name, home, scoring)
            } else {
                stamps.withLock { $0[ByteText(home ?? self.path(of: name))] = nil }
            }
        } catch {
            logger.warning(
                "a model's file is gone", metadata: ["file": "\(path)", "error": "\(error.description)"])
        }
    }
}
