import Platform
import Synchronization

/// The room on the disk of a folder: how much is left, how much of that is kept free, and a ballast to throw out.
///
/// On a full disk nothing can be deleted either: SQLite writes before it removes. So jobs are refused while there is
/// still some room, and if it runs out all the same the ballast goes, and with it what was accepted comes to its end.
final class DiskSpace: Sendable {
    private let folder: String
    private let ballast: String
    private let measure: @Sendable () -> DiskRoom
    /// What is kept free beside the results of what was accepted, in bytes.
    let floor: Int
    /// The size from which the log is brought into the database, in bytes.
    let largestLog: Int
    private let ballastBytes: Int
    /// What a small disk has less of.
    static let mostBallastBytes = 16 << 20
    private let hasBallast = Mutex(false)
    /// What was let in and may not be on the disk yet, in bytes.
    private let underway = Mutex(0)
    private struct Measured {
        var free: Int
        let at: ContinuousClock.Instant
        /// What was let in since, in bytes.
        var since = 0

        var age: Duration { ContinuousClock.now - at }
    }

    /// What the disk had when something last had room.
    private let fine = Mutex<Measured?>(nil)

    /// - Parameter measure: says how much room there is; by default the file system of `folder` does
    init(folder: String, ballast: String, measure: (@Sendable () -> DiskRoom)? = nil) {
        self.folder = folder
        self.ballast = ballast
        self.measure = measure ?? { DiskRoom(of: folder) ?? DiskRoom(free: 0, total: 0) }
        let total = self.measure().total
        floor = min(64 << 20, max(total / 20, 1 << 20))
        ballastBytes = min(Self.mostBallastBytes, total / 40)
        largestLog = min(32 << 20, max(total / 32, 1 << 20))
        hasBallast.withLock { [ballast] in $0 = access(ballast, F_OK) == 0 }
        takeOnBallast()
    }

    /// The bytes that are free.
    var free: Int { measure().free }

    /// Whether something had room a tenth of a second ago at most.
    var wasFineJustNow: Bool { fine.withLock { $0.map { $0.age < .milliseconds(100) } ?? false } }

    /// Lets so many bytes in, until ``leave(_:)``, where so much was free five milliseconds ago at most that the disk need not be
    /// asked: what always stays free is twice there. Says whether it did.
    func enterAtOnce(needed: Int, promised: Int) -> Bool {
        fine.withLock { fine in
            guard let known = fine, known.age < .milliseconds(5) else { return false }
            return underway.withLock { underway in
                var left = known.free
                for bytes in [floor, floor, promised, underway, known.since, needed] {
                    let (rest, overflow) = left.subtractingReportingOverflow(bytes)
                    guard !overflow, rest >= 0 else { return false }
                    left = rest
                }
                underway += needed
                fine?.since += needed
                return true
            }
        }
    }

    /// Lets so many bytes in, until ``leave(_:)``, or throws `diskFull` where they would not fit beside those that were
    /// `promised` and those that are on their way.
    func enter(needed: Int, promised: Int) throws(StoreFault) {
        let others = underway.withLock { underway in
            defer { underway = underway.addingReportingOverflow(needed).overflow ? .max : underway + needed }
            return underway
        }
        do throws(StoreFault) { try check(needed: needed, promised: promised, underway: others) } catch {
            leave(needed)
            throw error
        }
    }

    /// What was let in is written, or was given up.
    func leave(_ needed: Int) { underway.withLock { $0 = max($0 - needed, 0) } }

    /// Throws `diskFull` where so many bytes, beside those that were `promised` and those that are on their way, would
    /// not fit.
    func check(needed: Int, promised: Int, underway: Int = 0) throws(StoreFault) {
        // What is let in while the disk is asked may be on it already or not.
        let (begun, before) = (ContinuousClock.now, fine.withLock { $0?.since ?? 0 })
        let free = free
        let (part, first) = floor.addingReportingOverflow(promised)
        let (kept, second) = part.addingReportingOverflow(underway)
        let overflow = first || second
        guard !overflow, kept <= free, needed <= free - kept else {
            fine.withLock { $0 = nil }
            throw .diskFull(
                "the disk of \(folder) has too little room: \(Self.text(free)) are free, but more than "
                    + "\(Self.text(floor)) that always stay free, \(Self.text(promised)) for what was accepted, "
                    + "\(Self.text(underway)) that are on their way and \(Self.text(needed)) for this are needed"
            )
        }
        fine.withLock { $0 = Measured(free: free, at: begun, since: max(($0?.since ?? 0) - before, 0)) }
    }

    /// Bytes for people.
    static func text(_ bytes: Int) -> String {
        bytes >= 1 << 20 ? "\(bytes >> 20) MiB" : "\(bytes == 0 ? 0 : max(bytes >> 10, 1)) KiB"
    }

    /// Gives the ballast back to a disk that is full; says whether there was any.
    func throwOutBallast() -> Bool {
        hasBallast.withLock { hasBallast in
            defer { hasBallast = false }
            return hasBallast && unlink(ballast) == 0
        }
    }

    /// What a start takes at most, in bytes.
    static let toBegin = 1 << 20

    /// Gives the ballast back where a start has no room: then what there is can be read, and deleted.
    func makeRoomToBegin() { if free < Self.toBegin { _ = throwOutBallast() } }

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
}
