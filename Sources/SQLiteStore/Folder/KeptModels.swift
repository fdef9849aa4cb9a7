public import Jobs
public import Platform

/// The files of models in a state folder: another name of the file where that can be, or else a copy.
public struct KeptModels: ModelKeeper {
    private static let ending = ".safetensors"

    private let folder: String

    init(_ places: StatePlaces) { folder = places.models }

    /// Keeps a file, on the disk.
    public func keep(_ sha256: String, by copy: (_ path: String) throws(FileError) -> Void) throws(FileError) {
        guard path(of: sha256) == nil else { return }
        mkdir(folder, 0o700)
        try copy(place(sha256))
        for folder in [folder, folder + "/.."] { Self.flush(folder) }
    }

    /// What can't be flushed is no less kept while the machine runs.
    private static func flush(_ folder: String) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        closeDescriptor(descriptor)
    }

    /// The digests of those that are there.
    public func kept() -> [String] {
        Directory.names(in: folder).compactMap { name in
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
        rmdir(folder)
    }

    private func place(_ sha256: String) -> String { "\(folder)/\(sha256)\(Self.ending)" }

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { ASCII.isDigit($0) || (0x61...0x66).contains($0) }
    }
}
