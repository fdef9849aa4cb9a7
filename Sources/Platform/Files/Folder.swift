/// Folders that files are written into.
public enum Folder {
    /// Makes a folder where there is none; its parent has to be there.
    public static func make(path: String) throws(FileError) {
        if mkdir(path, 0o755) == 0 { return }
        let failure = errno
        guard try exists(path) else { throw .folderNotMade(path: path, reason: errnoText(failure)) }
    }

    /// Makes a folder, and those that it is to be in, where they are not there.
    public static func makeAll(path: String) throws(FileError) {
        let above = parent(of: path)
        if !(try exists(path)), above != ".", above != "/" { try makeAll(path: above) }
        try make(path: path)
    }

    /// Throws unless files can be written into a folder, or the folder be made; nothing is made.
    ///
    /// - Returns: whether the folder is there
    public static func check(path: String) throws(FileError) -> Bool {
        if try exists(path) {
            guard access(path, W_OK | X_OK) == 0 else { throw .notWritable(path: path, reason: errnoText(errno)) }
            return true
        }
        let parent = Self.parent(of: path)
        guard !path.isEmpty, access(parent, W_OK | X_OK) == 0 else {
            throw .folderNotMade(path: path, reason: errnoText(path.isEmpty ? ENOENT : errno))
        }
        guard try exists(parent) else { throw .notAFolder(path: parent) }
        return false
    }

    /// Whether a folder is there; throws where something else is.
    private static func exists(_ path: String) throws(FileError) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .notAFolder(path: path) }
        return true
    }

    private static func parent(of path: String) -> String {
        let name = path.utf8.reversed().drop { $0 == ASCII.slash }.drop { $0 != ASCII.slash }
        guard !name.isEmpty else { return path.utf8.first == ASCII.slash ? "/" : "." }
        return String(decoding: name.reversed(), as: UTF8.self)
    }
}
