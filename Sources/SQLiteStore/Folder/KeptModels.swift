public import Jobs
public import Platform
import Synchronization

/// The files of models in a state folder: another name of the file where that can be, or else a copy.
public struct KeptModels: ModelKeeper {
    private static let ending = ".safetensors"
    /// Begins the name of a file that is being made.
    private static let making = "."
    /// Files are made one after another: two that want the same one would take it from each other.
    private static let turn = Mutex(())

    /// The state folder.
    public let folder: String
    private var models: String { StatePlaces(folder: folder).models }

    init(_ places: StatePlaces) { folder = places.folder }

    /// Keeps a file, on the disk.
    public func keep(_ sha256: String, by copy: (_ path: String) throws(FileError) -> Void) throws(FileError) {
        try Self.turn.withLock { (_) throws(FileError) in
            // A name says nothing of what a disk, or somebody, has made of the bytes since. What can't be read just now stays.
            if let path = path(of: sha256) {
                guard let found = try? OpenFile(path: path).sha256(), !found.hasBytes(of: sha256) else { return }
            }
            mkdir(models, 0o700)
            for name in Directory.names(in: models) where name.begins(with: Self.making) { unlink("\(models)/\(name)") }
            let made = "\(models)/\(Self.making)\(sha256)"
            do throws(FileError) {
                try copy(made)
                guard rename(made, place(sha256)) == 0 else { throw .fromWriting(errno, "rename", made) }
                // Two names of one file both stay.
                unlink(made)
            } catch {
                unlink(made)
                throw error
            }
            // What can't be flushed is no less kept while the machine runs.
            for folder in [models, folder] { try? AtomicFile.flush(folder: folder) }
        }
    }

    /// What is wrong with a file that is kept as that of a digest; nil where nothing is.
    static func fault(of path: String, _ sha256: String) -> String? {
        do throws(FileError) {
            let found = try OpenFile(path: path).sha256()
            return found.hasBytes(of: sha256) ? nil : "it is not what was kept: its SHA-256 is \(found)"
        } catch {
            return error.description
        }
    }

    /// The digests of those that are there.
    public func kept() -> [String] {
        Directory.names(in: models).compactMap { name in
            guard name.ends(with: Self.ending) else { return nil }
            let digits = String(Substring(name.utf8.dropLast(Self.ending.utf8.count)))
            return Self.isDigest(digits) ? digits : nil
        }
    }

    /// Where it is.
    public func path(of sha256: String) -> String? {
        let path = place(sha256)
        return Self.isDigest(sha256) && access(path, R_OK) == 0 ? path : nil
    }

    /// Removes it, and the folder with the last.
    public func remove(_ sha256: String) {
        guard Self.isDigest(sha256) else { return }
        unlink(place(sha256))
        rmdir(models)
    }

    private func place(_ sha256: String) -> String { "\(models)/\(sha256)\(Self.ending)" }

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { ASCII.isDigit($0) || (0x61...0x66).contains($0) }
    }
}
