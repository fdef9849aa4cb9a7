import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The room on the disk of a folder: how much is left, how much of that is kept free, and a ballast to throw out.
///
/// On a full disk nothing can be deleted either: SQLite writes before it removes. So jobs are refused while there is
/// still some room, and if it runs out all the same the ballast goes, and with it what was accepted comes to its end.
final class DiskSpace: Sendable {
    private let folder: String
    private let ballast: String
    /// What is kept free beside the results of what was accepted, in bytes.
    let floor: Int
    /// The size from which the database's log is emptied, in bytes.
    let largestLog: Int
    private let ballastBytes: Int
    private let hasBallast = Mutex(false)

    init(folder: String, ballast: String) {
        self.folder = folder
        self.ballast = ballast
        let total = Self.space(of: folder).total
        floor = min(64 << 20, max(total / 20, 1 << 20))
        ballastBytes = min(16 << 20, total / 40)
        largestLog = min(32 << 20, max(total / 32, 1 << 20))
        takeOnBallast()
    }

    /// The bytes that are free.
    var free: Int { Self.space(of: folder).free }

    /// Throws `diskFull` where so many bytes, beside those that were `promised`, would not fit.
    func check(needed: Int, promised: Int) throws(StoreFault) {
        let free = free
        let (kept, overflow) = floor.addingReportingOverflow(promised)
        guard !overflow, kept <= free, needed <= free - kept else {
            throw .diskFull(
                "\(free >> 10) KiB are free, of which \(floor >> 10) KiB stay free and \(promised >> 10) KiB are kept for "
                    + "jobs that were accepted; this needs \(needed >> 10) KiB")
        }
    }

    /// Gives the ballast back to a disk that is full; says whether there was any.
    func throwOutBallast() -> Bool {
        hasBallast.withLock { hasBallast in
            defer { hasBallast = false }
            return hasBallast && unlink(ballast) == 0
        }
    }

    /// Takes ballast on, as long as there is plenty of room for it.
    func takeOnBallast() {
        hasBallast.withLock { hasBallast in
            guard !hasBallast, ballastBytes > 0, free > floor + 2 * ballastBytes else { return }
            let file = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            guard file >= 0 else { return }
            hasBallast = posix_fallocate(file, 0, off_t(ballastBytes)) == 0
            close(file)
            if !hasBallast { unlink(ballast) }
        }
    }

    private static func space(of folder: String) -> (free: Int, total: Int) {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return (0, 0) }
        let unit = Int(status.f_frsize)
        return (Int(status.f_bavail) * unit, Int(status.f_blocks) * unit)
    }
}
