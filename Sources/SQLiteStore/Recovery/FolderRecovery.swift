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

    /// What was damaged and has cost nothing, as far as the rest can tell.
    public private(set) var notes: [String] = []

    /// Whether nothing was lost.
    public var isWhole: Bool { losses.isEmpty }

    /// - Throws: where the folder has a server, or the new one is there and not empty, or can't be written.
    public init(of path: String, into output: String) throws(StateError) {
        folder = path
        self.output = output
        let (old, new) = (StatePlaces(folder: path), StatePlaces(folder: output))
        let lock = try StateFolder.lockToRead(path)
        defer { withExtendedLifetime(lock) {} }
        guard old.hasAny else {
            throw .absent(folder: path)
        }
        var damage: StateError?
        do throws(StateError) { _ = try FolderCheck(old).run() } catch {
            if case .newer = error { throw error }
            damage = error
        }
        try StateFolder.checkApart(output, from: path)
        try StateFolder.make(output)
        guard Directory.names(in: output, most: 1).isEmpty else {
            throw .unusable(path: output, reason: "it is not empty: expected a new folder")
        }
        try StateFolder.make(new.files)
        // Jobs wait where they are not there; nothing else is lacking.
        var models = BodyCopies(from: old.models, to: new.models)
        try? FolderBackup.take(&models)
        var videos = BodyCopies(from: old.videos, to: new.videos)
        try? FolderBackup.take(&videos)
        try copyLog(old, new)
        if access(old.database, F_OK) == 0 { try copyDatabase(old, new) } else { try makeDatabase(new) }
        if let damage { weigh(damage, old, new) }
        do {
            if try !isSound(new.database) {
                let rows = RowSalvage(from: new.database, to: new.database + ".new", files: old.files)
                losses += try rows.run()
                if losses.isEmpty {
                    losses.append("the database was not sound: its rows were copied one by one")
                }
                for name in ["", "-wal", "-shm"] { unlink(new.database + name) }
                guard rename(new.database + ".new", new.database) == 0 else {
                    throw StateError.unusable(path: new.database, reason: String(cString: strerror(errno)))
                }
            }
            try settle(old, new)
        } catch let error as StateError {
            throw error
        } catch { throw .unusable(path: new.database, reason: StoreFault.reason(of: error).description) }
        if !FolderOwner.give(new, as: path) {
            notes.append("the new folder is not of the user whose the damaged one is")
        }
    }

    /// Tells whether what was damaged has cost anything: where all that witness and sums tell of is in the copies, it has not.
    private mutating func weigh(_ damage: StateError, _ old: StatePlaces, _ new: StatePlaces) {
        do throws(StateError) {
            do throws(StateError) {
                _ = try FolderCheck(StatePlaces(folder: new.folder, witnessed: old.folder)).run()
            } catch .damaged(old.witness, _), .unusable(old.witness, _) {
                try FolderCheck(old).checkUnrecorded()
            } catch .damaged(old.sums, let reason) {
                // All that was committed is there, and whether it is sound is seen from the database itself.
                notes.append("the sums of the pages can't be gone by: \(reason)")
            }
            notes.append("what was damaged has cost nothing: \(damage.reason)")
        } catch { losses.append("what was damaged may be lost: \(damage.reason)") }
    }

    /// Copies what of the log is good.
    private mutating func copyLog(_ old: StatePlaces, _ new: StatePlaces) throws(StateError) {
        guard let log = try? OpenFile(path: old.log) else { return }
        var record: WitnessRecord?
        if case .record(let last, _)? = try? WitnessFile.read(old.witness) { record = last }
        let salvage = LogSalvage(log, pageSize: StoreDatabase.pageSize, record: record)
        if salvage.bad > 0 { losses.append("\(salvage.bad) frames of the log are not what was written") }
        do throws(FileError) {
            // Also an empty one: where there is none, somebody else has had the database.
            var copy = try AtomicFile(path: new.log)
            try copy.write(salvage.bytes)
            try copy.commit()
        } catch { throw .unusable(path: new.folder, reason: error.description) }
    }

    private mutating func copyDatabase(_ old: StatePlaces, _ new: StatePlaces) throws(StateError) {
        do throws(FileError) {
            let database = try OpenFile(path: old.database)
            var file = try AtomicFile(path: new.database)
            let size = StoreDatabase.pageSize
            var lost = 0
            for start in stride(from: 0, to: database.count, by: size) {
                let range = start..<min(start + size, database.count)
                var page: [UInt8]
                // What the disk can't give is as what was overwritten.
                do throws(FileError) { page = try database.bytes(range) } catch {
                    page = [UInt8](repeating: 0, count: range.count)
                    lost += 1
                }
                if start == 0 {
                    page = Self.mended(
                        page, of: database.count, try? PageSums.read(old.sums, of: database.count / size))
                }
                try file.write(page)
            }
            try file.commit()
            if lost > 0 { losses.append("\(lost) pages of \(old.database) can't be read") }
        } catch { throw .unusable(path: new.folder, reason: error.description) }
    }

    /// Makes a database that has no pages but those of the log. Without its first page there is nothing to be had.
    private func makeDatabase(_ new: StatePlaces) throws(StateError) {
        let log = try? LogScan(OpenFile(path: new.log), pageSize: StoreDatabase.pageSize)
        guard let log, let first = log.firstPage, let pages = log.size else {
            unlink(new.log)
            return
        }
        do throws(FileError) {
            var file = try AtomicFile(path: new.database)
            try file.write(first)
            try file.commit()
        } catch { throw .unusable(path: new.folder, reason: error.description) }
        guard truncate(new.database, off_t(pages) * off_t(StoreDatabase.pageSize)) == 0 else {
            throw .unusable(path: new.database, reason: String(cString: strerror(errno)))
        }
    }

    /// A database's first page with what is the same in all of ours, so that a bit of its first 100 bytes does not hide all
    /// the rest (fileformat2.html#the_database_header).
    ///
    /// - Parameter count: the bytes of the database
    private static func mended(_ page: [UInt8], of count: Int, _ sums: PageSums.Found?) -> [UInt8] {
        var head = page
        guard head.count >= 100 else { return head }
        if let sums, sums.entries.count > 1, page.count == StoreDatabase.pageSize,
            page.withUnsafeBytes({ PageSums.entry(of: $0, number: 1) }) == sums.entries[1]
        {
            return head
        }
        func put(_ bytes: [UInt8], at place: Int) { head.replaceSubrange(place..<place + bytes.count, with: bytes) }
        func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        let size = StoreDatabase.pageSize
        put(
            Array("SQLite format 3\u{0}".utf8) + [
                UInt8(size >> 8), UInt8(size & 0xFF), 2, 2, 0, 64, 32, 32,
            ], at: 0)
        put(number(count / size), at: 28)
        // Schema format and size of the cache; UTF-8; that pages are given back in steps, and nothing else.
        put(number(4) + number(0), at: 44)
        put(number(1), at: 56)
        let identity = sums?.head?.identity ?? 0
        put(number(1) + number(Int(identity)) + [UInt8](repeating: 0, count: 20), at: 64)
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
        let rows = try queue.inDatabase { try RowCheck(db: $0).unreadable() }
        for row in rows { losses.append("job \(row.id.map { "\($0)" } ?? "?"): \(row.reason)") }
        let (names, jobs, damages) = try queue.inDatabase { db in
            for id in rows.compactMap(\.id) { _ = try RowCheck(db: db).remove(id) }
            return (
                try BodyRows(db: db).fileNames(), try Int.fetchOne(db, sql: "SELECT count(*) FROM jobs") ?? 0,
                try BodyCheck(db: db, files: files).damages()
            )
        }
        recovered = jobs
        let unsound = Set(damages.map(\.path))
        for damage in damages { losses.append("job \(damage.job ?? "?"): \(damage.path): \(damage.reason)") }
        for name in names.sorted() where !unsound.contains(files.path(name)) {
            let body = try OpenFile(path: files.path(name))
            var copy = try AtomicFile(path: BodyFiles(folder: new.files).path(name))
            try body.forEachPiece {
                $0
            } _: { (piece) throws(FileError) in
                try copy.write(piece)
            }
            try copy.commit()
        }
        let rowless = Directory.names(in: old.files).filter {
            $0.ends(with: ".in") && !names.contains($0) && !$0.begins(with: ".")
        }
        for name in rowless.sorted() { losses.append("\(name) belongs to no job that is known") }
        try queue.inDatabase { db in
            // No witness tells of it yet.
            try db.execute(sql: "PRAGMA user_version = 0")
            try db.execute(sql: "PRAGMA application_id = 0")
            _ = try? db.checkpoint(.truncate)
        }
        try queue.close()
        // An empty log, as a server that ended in order leaves it.
        close(open(new.log, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
    }
}
