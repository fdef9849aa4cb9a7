#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A folder that one process has for itself: where the database and the large payloads are.
///
/// The lock is the kernel's, so that it goes with the process however that ends. The file of the lock also has the
/// process's number, for whoever is refused.
public final class StateFolder: Sendable {
    /// The folder.
    public let path: String
    private let lock: Int32

    /// What is where in it.
    var places: StatePlaces { StatePlaces(folder: path) }

    /// Makes the folder if need be, and locks it.
    public init(_ path: String) throws(StateError) {
        self.path = path
        try Self.make(path)
        let file = path + "/lock"
        lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw .unusable(path: file, reason: String(cString: strerror(errno))) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            let pid = Self.pid(in: lock)
            close(lock)
            guard code == EWOULDBLOCK else { throw .unusable(path: file, reason: String(cString: strerror(code))) }
            throw .inUse(folder: path, pid: pid)
        }
        let text = Array("\(getpid())\n".utf8)
        // What stands in the file is only shown; the lock is good without it, also on a full disk.
        _ = ftruncate(lock, 0)
        _ = pwrite(lock, text, text.count, 0)
    }

    deinit { close(lock) }

    /// Makes the folder of large bodies, once it is known that nothing is lacking.
    func makeFiles() throws(StateError) { try Self.make(places.files) }

    /// Removes the notes of an earlier process's workers.
    func removeWork() { unlink(places.work) }

    /// Removes what an older Vigil went by.
    func removeSeal() { unlink(places.seal) }

    static func pid(in descriptor: Int32) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 24)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    /// Makes the folder with all that it is in.
    static func make(_ path: String) throws(StateError) {
        if mkdir(path, 0o700) == 0 { return }
        var code = errno
        if code == ENOENT, let slash = path.dropFirst().lastIndex(of: "/") {
            try make(String(path[..<slash]))
            if mkdir(path, 0o700) == 0 { return }
            code = errno
        }
        var status = stat()
        guard code == EEXIST, stat(path, &status) == 0 else {
            throw .unusable(path: path, reason: String(cString: strerror(code)))
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw .unusable(path: path, reason: "it is no folder") }
    }
}
