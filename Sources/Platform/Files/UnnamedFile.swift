/// Files that have no name, so that nobody else opens them, and that go with their last descriptor.
package enum UnnamedFile {
    /// `O_TMPFILE` without `O_DIRECTORY`, by which the headers of C hide it.
    private static let flag: CInt = 0o20000000
    private static let pieceBytes = 1 << 20

    /// An empty one on the disk of a folder; it can be given a name later where the file system knows such files.
    package static func make(in folder: String) throws(FileError) -> CInt {
        let descriptor = open(folder, flag | O_DIRECTORY | O_RDWR | O_CLOEXEC, 0o600)
        if descriptor >= 0 { return descriptor }
        let name = "\(folder)/.vigil-\(String(UInt64.random(in: .min ... .max), radix: 36))"
        let named = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard named >= 0 else { throw .fromErrno(errno, "make a file in", folder) }
        unlink(name)
        return named
    }

    /// Copies the first `count` bytes of a file, called by its path in errors; they have to be there.
    static func fill(_ copy: CInt, from source: CInt, count: Int, path: String) throws(FileError) {
        let failure = withUnsafeTemporaryAllocation(byteCount: pieceBytes, alignment: 64) { buffer -> FileError? in
            var at = 0
            while at < count {
                let found = pread(source, buffer.baseAddress, min(buffer.count, count - at), off_t(at))
                if found < 0, errno == EINTR { continue }
                if found < 0 { return .fromErrno(errno, "read", path) }
                if found == 0 { return .notReadable(path: path, reason: "it became shorter while it was read") }
                var done = 0
                while done < found {
                    let written = pwrite(copy, buffer.baseAddress.map { $0 + done }, found - done, off_t(at + done))
                    if written < 0, errno == EINTR { continue }
                    if written <= 0 { return .fromErrno(errno, "copy", path) }
                    done += written
                }
                at += found
            }
            return nil
        }
        if let failure { throw failure }
    }
}
