import GRDB
import Jobs
import Platform

/// Copies what can be had of a damaged folder into a new one, which a server can begin with. The damaged one stays as it is.
public struct FolderRecovery: Sendable, Equatable {
    /// The damaged folder.
    public let folder: String
    /// The new one.
    public let output: String
    /// How many jobs the new folder has.
    public private(set) var recovered = 0
    /// What was lost or is not what was stored, a sentence each.
    public private(set) var losses: [String] = []

    /// Whether nothing was lost.
    public var isWhole: Bool { losses.isEmpty }

    /// - Throws: where the folder has a server, or the new one is there and not empty, or can't be written.
    public init(of path: String, into output: String) throws(StateError) {
        folder = path
        self.output = output
        let (old, new) = (StatePlaces(folder: path), StatePlaces(folder: output))
        let lock = try StateFolder.lockToRead(path)
        defer { withExtendedLifetime(lock) {} }
        guard access(old.database, F_OK) == 0 else {
            throw .unusable(path: path, reason: "there is no jobs.sqlite in it: expected a state folder")
        }
        try StateFolder.make(output)
        guard Directory.names(in: output, most: 1).isEmpty else {
            throw .unusable(path: output, reason: "it is not empty: expected a new folder")
        }
        try StateFolder.make(new.files)
        var damage: StateError?
        do throws(StateError) { _ = try FolderCheck(old).run() } catch { damage = error }
        if let damage { losses.append("what was damaged may be lost: \(damage.reason)") }
        try copyDatabase(old, new)
        do {
            if try !isSound(new.database) {
                let rows = RowSalvage(from: new.database, to: new.database + ".new", files: old.files)
                losses += try rows.run()
                for name in ["", "-wal", "-shm"] { unlink(new.database + name) }
                guard rename(new.database + ".new", new.database) == 0 else {
                    throw StateError.unusable(path: new.database, reason: String(cString: strerror(errno)))
                }
            }
            try settle(old, new)
        } catch let error as StateError {
            throw error
        } catch { throw .unusable(path: new.database, reason: StoreFault.reason(of: error).description) }
    }

    /// Copies the database and what of its log belongs to it.
    private mutating func copyDatabase(_ old: StatePlaces, _ new: StatePlaces) throws(StateError) {
        do throws(FileError) {
            let database = try MappedFile(path: old.database)
            var file = try AtomicFile(path: new.database)
            try database.withUnsafeBytes { bytes throws(FileError) in
                let head = Self.mended(Array(bytes.prefix(100)), bytes: bytes.count)
                try file.write(head)
                try file.write(bytes.part(head.count..<bytes.count))
            }
            try file.commit()
            guard let log = try? MappedFile(path: old.log), log.count > 0 else { return }
            var record: WitnessRecord?
            if case .record(let last, _) = WitnessFile.read(old.witness) { record = last }
            let salvage = LogSalvage(log, pageSize: StoreDatabase.pageSize, record: record)
            if salvage.bad > 0 { losses.append("\(salvage.bad) frames of the log are not what was written") }
            guard !salvage.bytes.isEmpty else { return }
            var copy = try AtomicFile(path: new.log)
            try copy.write(salvage.bytes)
            try copy.commit()
        } catch { throw .unusable(path: new.folder, reason: error.description) }
    }

    /// A database's first 100 bytes with what is the same in all of ours, so that a bit of it does not hide all the rest
    /// (fileformat2.html#the_database_header).
    private static func mended(_ head: [UInt8], bytes: Int) -> [UInt8] {
        guard head.count == 100 else { return head }
        var head = head
        func put(_ bytes: [UInt8], at place: Int) { head.replaceSubrange(place..<place + bytes.count, with: bytes) }
        func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        let size = StoreDatabase.pageSize
        put(Array("SQLite format 3\u{0}".utf8) + [UInt8(size >> 8), UInt8(size & 0xFF), 2, 2, 0, 64, 32, 32], at: 0)
        put(number(bytes / size), at: 28)
        // Schema format and size of the cache; UTF-8; that pages are given back in steps, and nothing else.
        put(number(4) + number(0), at: 44)
        put(number(1), at: 56)
        put(number(1) + [UInt8](repeating: 0, count: 24), at: 64)
        // The count of pages is good for the number of changes that stands before it.
        put(Array(head[24..<28]), at: 92)
        return head
    }

    private func isSound(_ path: String) throws -> Bool {
        do {
            let queue = try DatabaseQueue(path: path)
            defer { try? queue.close() }
            return try queue.inDatabase { db in
                guard try String.fetchOne(db, sql: "PRAGMA integrity_check(1)") == "ok" else { return false }
                return try db.tableExists("jobs") && db.tableExists("payloads")
            }
        } catch let error as DatabaseError where StoreFault.isDamage(error) || error.resultCode == .SQLITE_ERROR {
            return false
        }
    }

    /// Brings the new folder to where a server can begin with it.
    private mutating func settle(_ old: StatePlaces, _ new: StatePlaces) throws {
        let files = BodyFiles(folder: old.files)
        let queue = try DatabaseQueue(path: new.database)
        try Schema.migrator.migrate(queue)
        let (names, jobs, damages) = try queue.inDatabase { db in
            (
                try BodyRows(db: db).fileNames(), try Int.fetchOne(db, sql: "SELECT count(*) FROM jobs") ?? 0,
                try BodyCheck(db: db, files: files).damages()
            )
        }
        recovered = jobs
        let unsound = Set(damages.map(\.path))
        for damage in damages { losses.append("job \(damage.job ?? "?"): \(damage.path): \(damage.reason)") }
        for name in names.sorted() where !unsound.contains(files.path(name)) {
            let body = try MappedFile(path: files.path(name))
            var copy = try AtomicFile(path: BodyFiles(folder: new.files).path(name))
            try body.withUnsafeBytes { bytes throws(FileError) in try copy.write(bytes) }
            try copy.commit()
        }
        let rowless = Directory.names(in: old.files).filter {
            $0.ends(with: ".in") && !names.contains($0) && !$0.begins(with: ".")
        }
        for name in rowless.sorted() { losses.append("\(name) belongs to no job that is known") }
        try queue.inDatabase { db in
            // No witness tells of it yet.
            try db.execute(sql: "PRAGMA user_version = 0")
            _ = try? db.checkpoint(.truncate)
        }
        try queue.close()
        // An empty log, as a server that ended in order leaves it.
        close(open(new.log, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
    }
}
