/// A file that appears whole or not at all.
///
/// Bytes go to a temporary file beside the target. `commit()` flushes it to the disk, renames it over the target and
/// flushes the folder. A value that goes away before that removes the temporary file, and the target stays as it was.
public struct AtomicFile: ~Copyable {
    /// The file that `commit()` creates or replaces.
    public let path: String
    /// Bytes written so far.
    public private(set) var count = 0
    /// Where the bytes are until then.
    package let temporary: String
    private var descriptor: CInt
    private var isCommitted = false

    /// Throws unless a regular file can stand at `path`: renaming would replace a device or a pipe, and a folder can't
    /// be replaced.
    public static func check(path: String) throws(FileError) {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw .notWritable(path: path, reason: "something that is no regular file is there")
            }
            return
        }
        guard !path.isEmpty, path.utf8.last != UInt8(ascii: "/") else {
            throw .notWritable(path: path, reason: "a file name is expected")
        }
        try checkLength(path: path)
        let folder = split(path).folder
        guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw .notWritable(path: path, reason: "there is no folder \(folder)")
        }
    }

    /// Throws where no file can be called so, or none that is written here: the temporary one is beside it.
    public static func checkLength(path: String) throws(FileError) {
        let (folder, name) = split(path)
        guard name.utf8.count <= longestName else {
            throw .notWritable(
                path: path, reason: "its name has \(name.utf8.count) bytes, expected \(longestName) at most")
        }
        // Without the zero that ends it.
        let most = Int(PATH_MAX) - 1
        let length = max(path.utf8.count, folder.utf8.count + 1 + longestTemporary)
        guard length <= most else {
            throw .notWritable(
                path: path,
                reason: "the path has \(path.utf8.count) bytes, expected \(most - length + path.utf8.count) at most")
        }
    }

    private static let longestName = Int(NAME_MAX)

    /// Bytes of a name that a temporary file's has too.
    private static let longestStart = 100

    /// A dot at the beginning and one before the tag, which has 13 digits at most.
    private static let longestTemporary = longestStart + 15 + temporaryEnd.utf8.count

    /// Whether both paths lead to the same file.
    public static func isSameFile(_ path: String, _ other: String) -> Bool {
        var first = stat()
        var second = stat()
        guard stat(path, &first) == 0, stat(other, &second) == 0 else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// What a temporary file's name begins with; its tag is behind that.
    static func temporaryStart(of name: Substring) -> String {
        var (start, bytes) = (".", 0)
        for scalar in name.unicodeScalars {
            bytes += UTF8.width(scalar)
            guard bytes <= longestStart else { break }
            start.unicodeScalars.append(scalar)
        }
        return start + "."
    }

    /// What it ends with.
    static let temporaryEnd = ".tmp"

    /// Creates the temporary file beside `path`.
    public init(path: String) throws(FileError) {
        let (folder, name) = AtomicFile.split(path)
        let tag = String(UInt64.random(in: .min ... .max), radix: 36)
        self.path = path
        self.temporary = folder + "/" + AtomicFile.temporaryStart(of: name) + tag + AtomicFile.temporaryEnd
        self.descriptor = -1
        try AtomicFile.check(path: path)
        self.descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .fromWriting(errno, "create a file beside", path) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if !isCommitted { unlink(temporary) }
    }

    /// Appends all of `bytes`.
    public mutating func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let chunk = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            let written = Descriptor(descriptor).write(chunk)
            guard written >= 0 else {
                if errno == EINTR { continue }
                throw .fromWriting(errno, "write", path)
            }
            rest = rest.dropFirst(written)
            count += written
        }
    }

    /// Appends all of `bytes`.
    public mutating func write(_ bytes: [UInt8]) throws(FileError) {
        try bytes.withRawBytes { raw throws(FileError) in try write(raw) }
    }

    /// Makes the file visible under its name, durably. Call it once, last.
    ///
    /// - Parameter isFlushed: false for one of many files that can be made again: it is whole for whoever opens it, and
    ///   may be gone or empty after a loss of power
    public mutating func commit(isFlushed: Bool = true) throws(FileError) {
        if isFlushed { guard fsync(descriptor) == 0 else { throw .fromWriting(errno, "flush", path) } }
        let closed = close(descriptor)
        descriptor = -1
        guard closed == 0 else { throw .fromWriting(errno, "close", path) }
        guard rename(temporary, path) == 0 else { throw .fromWriting(errno, "rename a finished file to", path) }
        isCommitted = true
        if isFlushed { try AtomicFile.flush(folder: AtomicFile.split(path).folder) }
    }

    /// Writes a whole file, durably.
    public static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        var file = try AtomicFile(path: path)
        try file.write(bytes)
        try file.commit()
    }

    /// Has the names in a folder on the disk when it returns.
    package static func flush(folder: String) throws(FileError) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .fromWriting(errno, "open", folder) }
        defer { close(descriptor) }
        // Some file systems cannot flush a folder and say EINVAL; the rename is done all the same.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw .fromWriting(errno, "flush", folder) }
    }

    private static func split(_ path: String) -> (folder: String, name: Substring) {
        guard let slash = path.utf8.lastIndex(of: ASCII.slash) else { return (".", path[...]) }
        let folder = path[..<slash]
        return (folder.isEmpty ? "/." : String(folder), path[path.utf8.index(after: slash)...])
    }
}
