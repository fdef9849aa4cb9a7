import Platform

/// Looking into a folder that no process works on.
extension StateFolder {
    /// Keeps servers out of a folder while it is read, without writing to it.
    static func lockToRead(_ path: String) throws(StateError) -> ReadingLock {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { throw .absent(folder: path) }
            throw .unusable(path: path, reason: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .unusable(path: path, reason: "it is no folder") }
        // A folder without a file of the lock is nobody's, unless somebody removed that.
        let file = StatePlaces(folder: path).lock
        let descriptors = [open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), open(file, O_RDONLY | O_CLOEXEC)]
        let lock = ReadingLock(descriptors: descriptors)
        for descriptor in descriptors where descriptor >= 0 {
            if flock(descriptor, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK {
                throw .inUse(folder: path, pid: pid(inFile: file))
            }
        }
        return lock
    }

    /// Keeps servers out for as long as it is there.
    final class ReadingLock: Sendable {
        private let descriptors: [Int32]

        fileprivate init(descriptors: [Int32]) { self.descriptors = descriptors }

        deinit { descriptors.forEach(closeLocked) }
    }
}
