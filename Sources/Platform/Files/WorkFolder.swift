/// A folder that a process writes its files into, and has for itself as long as this object lives.
///
/// The lock is the kernel's, on the folder itself, so that it goes with the process however that ends; on a file system that
/// locks no folders there is none.
///
/// Sendable: the descriptor is set once in `init`, and closed in `deinit`, when nobody else can hold a reference.
public final class WorkFolder: Sendable {
    /// Where it is.
    public let path: String
    private let descriptor: CInt

    /// Opens and locks a folder that is there; nil where another process, or another object, has it.
    public init?(locking path: String) throws(FileError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .fromErrno(errno, "open", path) }
        // From here on deinit closes it, also where this gives up.
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK { return nil }
    }

    deinit { closeLocked(descriptor) }

    /// Makes a folder, and those that it is to be in, where they are not there.
    public static func make(_ path: String, mode: UInt32 = 0o755) throws(FileError) {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw .notWritable(path: path, reason: "something that is no folder is there")
            }
            return
        }
        var code = mkdir(path, mode_t(mode)) == 0 ? 0 : errno
        let above = path.trimmedEnd { $0 == ASCII.slash }.trimmedEnd { $0 != ASCII.slash }
        if code == ENOENT, !above.isEmpty {
            try make(String(above), mode: mode)
            code = mkdir(path, mode_t(mode)) == 0 ? 0 : errno
        }
        // Two that make it at the same time both find it.
        let isThere = code == EEXIST && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        guard code == 0 || isThere else { throw .notWritable(path: path, reason: errnoText(code)) }
    }

    /// Throws unless files can be written into a folder, or it can be made; nothing is made.
    ///
    /// - Returns: whether it is there
    public static func check(_ path: String) throws(FileError) -> Bool {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw .notWritable(path: path, reason: "something that is no folder is there")
            }
            guard access(path, W_OK | X_OK) == 0 else { throw .notWritable(path: path, reason: errnoText(errno)) }
            return true
        }
        guard errno == ENOENT, !path.isEmpty else { throw .notWritable(path: path, reason: errnoText(errno)) }
        guard lstat(String(path.trimmedEnd { $0 == ASCII.slash }), &status) != 0 else {
            throw .notWritable(path: path, reason: "a link that leads nowhere is there")
        }
        let above = path.trimmedEnd { $0 == ASCII.slash }.trimmedEnd { $0 != ASCII.slash }
        _ = try check(above.isEmpty ? "." : String(above))
        return false
    }

    /// Removes what a killed process has left of files with these names while it wrote them (``AtomicFile``). Call it where
    /// nobody else writes them: with the lock.
    public func sweep(_ names: [String]) {
        let starts = names.map { AtomicFile.temporaryStart(of: $0[...]) }
        FolderNames.each(in: path) { name, _ in
            let rest = starts.lazy.compactMap { name.rest(after: $0) }.first
            if rest?.ends(with: AtomicFile.temporaryEnd) == true { unlink(path + "/" + name) }
            return true
        }
    }
}

extension StringProtocol where UTF8View.SubSequence == Substring.UTF8View {
    /// Without the bytes at the end for which `isMargin` holds.
    fileprivate func trimmedEnd(where isMargin: (UInt8) -> Bool) -> Substring {
        var bytes = utf8[...]
        while let last = bytes.last, isMargin(last) { bytes.removeLast() }
        return Substring(bytes)
    }
}
