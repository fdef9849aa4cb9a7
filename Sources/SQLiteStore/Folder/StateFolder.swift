import Platform
import Synchronization

/// A folder that one process has for itself: where the database and the large payloads are.
///
/// The locks are the kernel's, so that they go with the process however that ends: one on the folder, which nobody can
/// remove without removing all that is in it, and one on a file, for file systems that lock no folders. The file also has
/// the process's number, for whoever is refused.
public final class StateFolder: Sendable {
    /// The folder.
    public let path: String
    /// Whether nobody has kept jobs in it before.
    public let isNew: Bool
    private let lock: Int32
    private let own: Int32
    /// The folder of bodies, held open so that none that comes in its place can have its number.
    private let held = Mutex<Int32>(-1)
    /// When this process got the folder: what others wrote to it later, a process did that should not be there.
    let lockedAt: FileTime

    /// What is where in it.
    let places: StatePlaces

    /// Makes the folder if need be, and locks it.
    ///
    /// - Parameters:
    ///   - path: the folder, which is made if need be
    ///   - patience: how long whoever reads it is waited for
    ///   - waiting: called once before that
    public init(_ path: String, patience: Duration = .zero, waiting: @escaping () -> Void = {}) throws(StateError) {
        self.path = path
        places = StatePlaces(folder: path)
        try Self.make(path)
        own = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0 else { throw .unusable(path: path, reason: String(cString: strerror(errno))) }
        var pause = Pause(patience: patience, waiting)
        // Some file systems, shared ones above all, lock files alone.
        switch Self.take(own, &pause) {
        case nil, .lockless: break
        case let holder?:
            close(own)
            throw holder.error(path, pid: Self.pid(inFile: places.lock))
        }
        let file = places.lock
        lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            let reason = String(cString: strerror(errno))
            closeLocked(own)
            throw .unusable(path: file, reason: reason)
        }
        lockedAt = FileTime.now
        isNew = access(places.database, F_OK) != 0
        // From here on deinit closes all, also where this throws.
        if let holder = Self.take(lock, &pause) { throw holder.error(path, pid: Self.pid(in: lock)) }
        if let note = try MoveNote(in: path) { throw .unusable(path: places.moved, reason: note.refusal) }
        let text = Array("\(getpid())\n".utf8)
        // What stands in the file is only shown; the lock is good without it, also on a full disk.
        _ = ftruncate(lock, 0)
        _ = pwrite(lock, text, text.count, 0)
    }

    deinit {
        closeLocked(lock)
        closeLocked(own)
        held.withLock { if $0 >= 0 { close($0) } }
    }

    /// Makes the folder of large bodies, once it is known that nothing is lacking.
    func makeFiles() throws(StateError) {
        try Self.make(places.files)
        held.withLock { if $0 < 0 { $0 = open(places.files, O_RDONLY | O_DIRECTORY | O_CLOEXEC) } }
    }

    /// Removes the notes of an earlier process's workers.
    func removeWork() { unlink(places.work) }

    /// Removes what an older Vigil went by, and what a backup says of itself: it is a server's folder now.
    func removeSeal() {
        unlink(places.seal)
        unlink(places.backup)
    }

    static func pid(inFile path: String) -> Int? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return pid(in: file)
    }

    static func pid(in descriptor: Int32) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 24)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    /// Throws where a copy would be within the folder that it is of, whose server takes what it does not know for left over.
    static func checkApart(_ copy: String, from folder: String) throws(StateError) {
        guard CanonicalPath.isWithin(copy, folder: folder) else { return }
        throw .unusable(path: copy, reason: "it is within the state folder \(folder): expected a folder elsewhere")
    }

    /// Makes the folder with all that it is in.
    static func make(_ path: String) throws(StateError) {
        if mkdir(path, 0o700) == 0 { return }
        var code = errno
        if code == ENOENT, let slash = path.utf8.dropFirst().lastIndex(of: ASCII.slash) {
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
