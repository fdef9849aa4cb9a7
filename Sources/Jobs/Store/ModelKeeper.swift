public import Platform

/// Keeps the files of models beside the jobs that wait for them, so that the next process can finish those though others are
/// served by then. Each is kept once, by its SHA-256.
public protocol ModelKeeper: Sendable {
    /// Keeps a file, which is there when this returns; nothing is done where one of this digest is kept already and
    /// still has it. It may take a
    /// while.
    ///
    /// - Parameters:
    ///   - sha256: the model file's digest
    ///   - copy: puts it at a path, whole or not at all
    func keep(_ sha256: String, by copy: (_ path: String) throws(FileError) -> Void) throws(FileError)

    /// The folder whose disk they are on.
    var folder: String { get }

    /// The digests of those that are kept.
    func kept() -> [String]

    /// Where the file of a digest is, if it is kept.
    func path(of sha256: String) -> String?

    /// Removes the file of a digest.
    func remove(_ sha256: String)
}
