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

    deinit { close(descriptor) }

    /// Removes what a killed process has left of files with these names while it wrote them (``AtomicFile``). Call it where
    /// nobody else writes them: with the lock.
    public func sweep(_ names: [String]) {
        guard let entries = opendir(path) else { return }
        defer { closedir(entries) }
        let starts = names.map { AtomicFile.temporaryStart(of: $0[...]) }
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            let rest = starts.lazy.compactMap { name.rest(after: $0) }.first
            if rest?.ends(with: AtomicFile.temporaryEnd) == true { unlink(path + "/" + name) }
        }
    }
}
