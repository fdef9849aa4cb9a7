import GRDB
import Jobs
import Platform

/// What `vigil state check` tells of a folder that no server has.
public struct FolderReport: Sendable, Equatable {
    /// One thing that is wrong.
    public struct Damage: Sendable, Equatable {
        /// The file.
        public let path: String
        /// What is wrong with it.
        public let reason: String
        /// The job that it belongs to; nil where that is not known, or it belongs to all.
        public let job: String?
    }

    /// The folder.
    public let folder: String
    /// Each thing that is wrong; none where the folder is whole.
    public internal(set) var damages: [Damage] = []
    /// What has to be told of a folder in which nothing is lacking.
    public internal(set) var notes: [String] = []
    /// How many jobs there are, by status; empty where they can't be read.
    public internal(set) var jobs: [String: Int] = [:]

    /// Whether a server does not begin with it; otherwise what is damaged are single jobs, and it says so of each.
    public internal(set) var isRefused = false

    /// Whether nothing is lacking.
    public var isWhole: Bool { damages.isEmpty }

    /// Looks at a folder, without changing it.
    public init(of path: String) throws(StateError) {
        folder = path
        let places = StatePlaces(folder: path)
        let lock = try StateFolder.lockToRead(path)
        defer { withExtendedLifetime(lock) {} }
        do throws(StateError) { notes = try FolderCheck(places).run().notes } catch .damaged(let path, let reason) {
            damages = [Damage(path: path, reason: reason, job: nil)]
            isRefused = true
            return
        }
        guard access(places.database, F_OK) == 0 else {
            throw .absent(folder: path)
        }
        do { try DatabaseCheck.reading(places.database) { db in try readJobs(db, places) } } catch {
            damages.append(
                Damage(path: places.database, reason: StoreFault.reason(of: error).description, job: nil))
        }
    }

    /// How many jobs there are, by status.
    static func counts(_ db: Database) throws -> [String: Int] {
        var jobs: [String: Int] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT status, count(*) FROM jobs GROUP BY status") {
            let columns = Columns(row: row)
            let status = StatusCode.status(try columns.int(0))
            jobs[status?.rawValue ?? "unknown"] = try columns.int(1)
        }
        return jobs
    }

    /// What is wrong with the models that it keeps, and which are not there though jobs wait for them.
    private static func models(_ db: Database, _ keeper: KeptModels) throws -> [Damage] {
        var damages: [Damage] = []
        for sha256 in keeper.kept().sorted() {
            guard let path = keeper.path(of: sha256), let reason = KeptModels.fault(of: path, sha256) else { continue }
            damages.append(Damage(path: path, reason: reason, job: nil))
        }
        // A folder of an older Vigil does not know them.
        guard try db.columns(in: "jobs").contains(where: { $0.name == "model_sha256" }) else { return damages }
        let sql = """
            SELECT model_sha256, count(*) FROM jobs WHERE status <= 1 AND length(model_sha256) = 64
            GROUP BY model_sha256 ORDER BY model_sha256
            """
        for row in try Row.fetchAll(db, sql: sql) {
            let columns = Columns(row: row)
            let (sha256, jobs) = (try columns.text(0), try columns.int(1))
            guard keeper.path(of: sha256) == nil else { continue }
            damages.append(
                Damage(
                    path: "\(keeper.folder)/models",
                    reason:
                        "the model \(sha256), which \(jobs == 1 ? "a job waits" : "\(jobs) jobs wait") for, is not there: "
                        + "a server of that file does them", job: nil))
        }
        return damages
    }

    private mutating func readJobs(_ db: Database, _ places: StatePlaces) throws {
        jobs = try Self.counts(db)
        // A folder of an older Vigil has other columns until a server has begun with it.
        if try Schema.migrator.hasCompletedMigrations(db) {
            do { _ = try StoreDatabase.written(db) } catch StoreFault.unreadable {
                damages.append(
                    Damage(path: places.database, reason: "what it says of the time can't be read", job: nil))
                isRefused = true
            }
            for row in try RowCheck(db: db).unreadable() {
                damages.append(
                    Damage(path: places.database, reason: row.reason, job: row.id.map { "\($0)" }))
            }
        }
        damages += try BodyCheck(db: db, files: BodyFiles(folder: places.files)).damages()
        damages += try Self.models(db, KeptModels(places))
    }
}
