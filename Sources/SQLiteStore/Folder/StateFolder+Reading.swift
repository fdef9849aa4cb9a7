#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Looking into a folder that no process works on.
extension StateFolder {
    /// Keeps servers out of a folder while it is read, without writing to it; nil where it has no lock yet.
    static func lockToRead(_ path: String) throws(StateError) -> Int32? {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .unusable(path: path, reason: String(cString: strerror(errno))) }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .unusable(path: path, reason: "it is no folder") }
        let lock = open(path + "/lock", O_RDONLY | O_CLOEXEC)
        guard lock >= 0 else { return nil }
        guard flock(lock, LOCK_SH | LOCK_NB) == 0 else {
            let pid = pid(in: lock)
            close(lock)
            throw .inUse(folder: path, pid: pid)
        }
        return lock
    }

    static func unlock(_ lock: Int32) -> Bool { close(lock) == 0 }
}
