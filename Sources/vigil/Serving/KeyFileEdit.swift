import API
import Platform

/// A change of a file of keys: made by one at a time, and seen by readers before or after, never in between.
struct KeyFileEdit {
    /// Who changes the file holds it no longer than this.
    private static let patience = Duration.seconds(10)

    /// The file itself, where the path leads there by links.
    private let path: String
    private let mayMake: Bool

    /// - Parameter mayMake: whether there need be no file yet
    init(path: String, mayMake: Bool) throws(Failure) {
        self.mayMake = mayMake
        guard let canonical = CanonicalPath.of(path) else {
            guard errno == ENOENT, mayMake else {
                throw Failure(.noInput, "\(path) can't be read: \(errnoText(errno))")
            }
            self.path = path
            return
        }
        self.path = canonical
    }

    /// Reads the file, and writes what `body` has made of it.
    ///
    /// - Parameter show: tells what nobody can be told again, once all is ready and before anything is changed; where that
    ///   can't be told the file stays as it was
    func run(show: () throws -> Void = {}, _ body: (inout APIKeyText) throws(APIKeyError) -> Void) throws {
        let (lock, isNew) = try locked()
        defer { closeLocked(lock) }
        var isWritten = false
        defer { if isNew, !isWritten { unlink(path) } }
        var text = try read()
        do throws(APIKeyError) { try body(&text) } catch { throw Failure(.configuration, error.description) }
        try write(text.bytes, in: lock, show)
        isWritten = true
    }

    /// What the file says, to be looked at.
    func read() throws(Failure) -> APIKeyText {
        let bytes: [UInt8]
        do throws(SmallFile.Failure) { bytes = try SmallFile(path, maxBytes: 1 << 20).bytes } catch {
            throw Failure(.noInput, error.description)
        }
        do throws(APIKeyError) { return try APIKeyText(bytes, path: path) } catch {
            throw Failure(.configuration, error.description)
        }
    }

    /// The file with the lock on it, once nobody else has that; whether it was made for it.
    private func locked() throws(Failure) -> (descriptor: CInt, isNew: Bool) {
        let end = ContinuousClock.now + Self.patience
        while true {
            var descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            var isNew = false
            if descriptor < 0, errno == ENOENT, mayMake {
                descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
                isNew = descriptor >= 0
                if isNew { Self.giveToFolder(descriptor, path) }
                if descriptor < 0, errno == EEXIST { continue }
            }
            guard descriptor >= 0 else { throw Failure(.configuration, "\(path) can't be opened: \(errnoText(errno))") }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
                // Who had it before has put another file in its place.
                var (own, there) = (stat(), stat())
                if fstat(descriptor, &own) == 0, stat(path, &there) == 0, own.st_ino == there.st_ino,
                    own.st_dev == there.st_dev
                {
                    return (descriptor, isNew)
                }
            }
            closeLocked(descriptor)
            guard ContinuousClock.now < end else {
                throw Failure(.configuration, "\(path) can't be changed: another command has been at it for 10 s")
            }
            usleep(20_000)
        }
    }

    /// What root makes in a folder of another group, such as /etc/vigil of the service's, those read who may look into that.
    private static func giveToFolder(_ descriptor: CInt, _ path: String) {
        let slash = path.utf8.lastIndex(of: ASCII.slash)
        let folder = slash.map { String(path[...$0]) } ?? "."
        var status = stat()
        guard geteuid() == 0, stat(folder, &status) == 0, status.st_gid != getegid(),
            status.st_mode & (S_IRGRP | S_IXGRP) != 0, fchown(descriptor, ~0, status.st_gid) == 0
        else { return }
        _ = fchmod(descriptor, 0o640)
    }

    /// Puts the bytes in the file's place, which keeps its owner and who may read it.
    private func write(_ bytes: [UInt8], in old: CInt, _ show: () throws -> Void) throws {
        var status = stat()
        guard fstat(old, &status) == 0 else { throw Failure(.configuration, "\(path): \(errnoText(errno))") }
        do {
            var file = try AtomicFile(path: path)
            // Before anything is in it.
            guard chmod(file.temporary, status.st_mode & 0o7777) == 0,
                status.st_uid == geteuid() && status.st_gid == getegid()
                    || chown(file.temporary, status.st_uid, status.st_gid) == 0
            else { throw FileError.fromErrno(errno, "keep the owner of", path) }
            try file.write(bytes)
            try show()
            try file.commit()
        } catch let error as FileError { throw Failure(.configuration, error.description) }
    }
}
