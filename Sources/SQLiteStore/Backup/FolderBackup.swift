import GRDB
public import Jobs
import Platform

/// A copy of a state folder as it was at one moment, with which a server can begin; made while another works on the folder,
/// or while none does.
///
/// The large bodies are taken first, then the database in one snapshot, then the bodies that came between. So a body that a
/// job of the snapshot lacks came and went after the backup had begun, and its job goes with it: whatever was accepted
/// before is there, unless somebody has deleted it since. One that the folder lacks itself is told as damage. Then the
/// copy gets a name, sums and a witness of its own, and is looked through as `vigil state check` does it. Until then a file
/// says that it is unfinished, so that what is left where the process ends is not taken for a folder without jobs.
public struct FolderBackup: Sendable, Equatable {
    /// The folder.
    public let folder: String
    /// The copy.
    public let output: String
    /// Whether a server worked on the folder meanwhile.
    public let wasInUse: Bool
    /// How many jobs the copy has.
    public private(set) var jobs = 0
    /// How many jobs came and went while it was made, and are not in it.
    public private(set) var passing = 0
    /// Its bytes.
    public private(set) var bytes = 0
    /// Whether the copy is the user's and the group's whose the folder is.
    public private(set) var keepsOwner = true
    /// What of it is damaged, as it is in the folder; a sentence each.
    public private(set) var damages: [String] = []

    /// Whether all of it is what was stored.
    public var isWhole: Bool { damages.isEmpty }

    /// - Throws: where the folder is none or damaged, or the copy is there and not empty, or can't be written; then nothing
    ///   is left of it
    public init(of path: String, into output: String, clock: any JobClock = SystemClock()) throws(StateError) {
        folder = path
        self.output = output
        let reader = try FolderReader(path)
        wasInUse = reader.server != nil
        // Servers are kept out until all is copied, where none is there.
        defer { withExtendedLifetime(reader) {} }
        // Its sums are new, so that what is damaged would look right in it.
        if !wasInUse { _ = try FolderCheck(reader.places).run() }
        let target = StatePlaces(folder: output)
        try StateFolder.checkApart(output, from: path)
        try StateFolder.make(output)
        guard Directory.names(in: output, most: 1).isEmpty else {
            throw .unusable(path: output, reason: "it is not empty: expected a new folder")
        }
        do {
            closeDescriptor(open(target.unfinished, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
            try Self.flush([target.unfinished, output, output + "/.."])
            try copy(reader, to: target, madeAt: clock.wall)
            guard unlink(target.unfinished) == 0 else {
                throw StateError.unusable(path: target.unfinished, reason: String(cString: strerror(errno)))
            }
            try Self.flush([output])
        } catch {
            Self.remove(target)
            throw StateError(error, at: target.database)
        }
        let report = try FolderReport(of: output)
        damages = report.damages.map { "\($0.path): \($0.reason)" + ($0.job.map { " (job \($0))" } ?? "") }
        jobs = report.jobs.values.reduce(0, +)
        keepsOwner = FolderOwner.give(target, as: folder)
    }

    private mutating func copy(_ reader: FolderReader, to target: StatePlaces, madeAt: WallTime) throws {
        try StateFolder.make(target.files)
        var bodies = BodyCopies(from: reader.places.files, to: target.files)
        try bodies.takeAll()
        var models = BodyCopies(from: reader.places.models, to: target.models)
        try Self.take(&models)
        var videos = BodyCopies(from: reader.places.videos, to: target.videos)
        try Self.take(&videos)
        var staying: Set<String> = []
        try reader.reading { source in
            guard try source.inDatabase(Schema.migrator.hasCompletedMigrations) else {
                throw StateError.unusable(
                    path: reader.places.database, reason: "an older Vigil has written it: begin this one with it first")
            }
            let copy = try DatabaseQueue(path: target.database)
            try source.backup(to: copy)
            try copy.close()
            try bodies.takeAll()
            try Self.take(&models)
            try Self.take(&videos)
            // What has a row now, as it has in the copy, did not go meanwhile: where it is not there it is damaged.
            staying = try source.inDatabase { try BodyRows(db: $0).fileNames() }
        }
        let identity = UInt32.random(in: 1...UInt32(Int32.max))
        let sequence = try settle(target, &bodies, staying: staying, identity: identity)
        try Self.seal(target, identity: identity, sequence: sequence)
        try BackupNote(folder: folder, madeAt: madeAt).write(in: target)
        try Self.flush([target.files, target.folder])
        bytes = bodies.bytes + (FileMark(path: target.database)?.bytes ?? 0)
    }

    /// Takes the files of models that jobs wait for, or the videos that they are about.
    static func take(_ models: inout BodyCopies) throws {
        guard access(models.source, F_OK) == 0 else { return }
        try StateFolder.make(models.target)
        try models.takeAll()
    }

    /// Makes the database one that no process works on; says its number.
    private mutating func settle(
        _ target: StatePlaces, _ bodies: inout BodyCopies, staying: Set<String>, identity: UInt32
    ) throws -> UInt32 {
        let queue = try DatabaseQueue(path: target.database)
        var passing = 0
        let sequence = try queue.inDatabase { [bodies] db in
            guard try String.fetchOne(db, sql: "PRAGMA integrity_check(1)") == "ok" else {
                throw StateError.damaged(path: folder + "/jobs.sqlite", reason: "its pages contradict each other")
            }
            try db.inTransaction(.immediate) {
                for id in try Self.jobs(lacking: bodies.names.union(staying), db) {
                    _ = try RowCheck(db: db).remove(id)
                    passing += 1
                }
                // Nobody has begun with what ran: it is queued, with the attempt that it had not spent.
                try db.execute(
                    sql: """
                        UPDATE jobs SET status = 0, token = NULL, started_at = NULL, parts_done = 0,
                            attempt = max(attempt - 1, 0), revision = revision + 1
                        WHERE status = 1 AND NOT cancel_requested
                        """)
                try db.execute(sql: "PRAGMA application_id = \(identity)")
                return .commit
            }
            _ = try db.checkpoint(.truncate)
            return UInt32(bitPattern: try Int32.fetchOne(db, sql: "PRAGMA user_version") ?? 0)
        }
        bodies.keep(try queue.inDatabase { try BodyRows(db: $0).fileNames() })
        self.passing = passing
        try queue.close()
        return sequence
    }

    /// The jobs that have a body in a file which is none of these.
    private static func jobs(lacking names: Set<String>, _ db: Database) throws -> [JobID] {
        let inputs = try Blob.fetchAll(db, sql: BodyRows.inputFiles).compactMap { JobID($0) }
            .filter { !names.contains(BodyFiles.inputName($0)) }
        let results = try Row.fetchAll(db, sql: "SELECT job, file FROM results WHERE file IS NOT NULL")
            .compactMap { row -> JobID? in
                let columns = Columns(row: row)
                return try names.contains(columns.text(1)) ? nil : columns.id(0)
            }
        return Array(Set(inputs + results))
    }

    /// Lets a witness and sums of its own say that it is whole.
    private static func seal(_ target: StatePlaces, identity: UInt32, sequence: UInt32) throws(StateError) {
        for path in [target.log, target.index] { unlink(path) }
        // As a server leaves it that has ended in order.
        closeDescriptor(open(target.log, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
        try flush([target.database, target.log])
        let entries = try FolderCheck(target).pageSums()
        try PageSums.write(entries, SumsHead(identity: identity, sequence: sequence), to: target.sums)
        var record = WitnessRecord()
        record.number = 1
        record.sequence = sequence
        record.identity = identity
        (record.isFlushed, record.isClosed) = (true, true)
        record.boot = WorkFile.boot ?? record.boot
        let witness = try WitnessFile(path: target.witness, from: .nothing)
        defer { witness.close() }
        if let code = witness.write(record) {
            throw .unusable(path: target.witness, reason: String(cString: strerror(code)))
        }
        witness.flush()
    }

    private static func flush(_ paths: [String]) throws(StateError) {
        for path in paths {
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw .unusable(path: path, reason: String(cString: strerror(errno))) }
            defer { closeDescriptor(descriptor) }
            // Some file systems cannot flush a folder and say EINVAL.
            guard fsync(descriptor) == 0 || errno == EINVAL else {
                throw .unusable(path: path, reason: String(cString: strerror(errno)))
            }
        }
    }

    /// Removes what was made of a copy, and the folder if that can be.
    private static func remove(_ target: StatePlaces) {
        for folder in [target.files, target.models, target.videos] {
            for name in Directory.names(in: folder) { unlink(folder + "/" + name) }
            rmdir(folder)
        }
        let own = [
            target.database, target.database + "-journal", target.log, target.index, target.witness, target.sums,
            target.backup, target.unfinished,
        ]
        for path in own { unlink(path) }
        rmdir(target.folder)
    }
}
