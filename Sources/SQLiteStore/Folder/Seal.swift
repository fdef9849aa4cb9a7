import Formats

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Tells that the database is as its last process left it in order, so that it need not be read through to be trusted.
struct Seal {
    let path: String
    let database: String

    /// Whether the database is the one that was sealed, byte for byte as far as the file system tells; nil where there is
    /// no seal.
    var isIntact: Bool? {
        guard let file = try? MappedFile(path: path) else { return nil }
        guard let state else { return false }
        return file.withUnsafeBytes { String(decoding: $0.prefix(200), as: UTF8.self) } == state
    }

    /// Seals the database. A seal that could not be made costs a check at the next start.
    func make() {
        guard let state, var file = try? AtomicFile(path: path) else { return }
        guard (try? file.write(Array(state.utf8))) != nil else { return }
        try? file.commit()
    }

    /// Breaks the seal, before the database is written to.
    func remove() { unlink(path) }

    private var state: String? {
        var status = stat()
        guard stat(database, &status) == 0 else { return nil }
        return "\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    }
}
