import GRDB
import Jobs
import Platform

/// What is in a state folder, for `vigil state list`: also where a server works on it. Nothing in it is changed.
public struct FolderSummary: Sendable, Equatable {
    /// The folder.
    public let folder: String
    /// The number of the server's process that works on it, 0 where that is not known; nil where none does.
    public let server: Int?
    /// What it says of itself where it is a backup that no server has begun with.
    public let backup: BackupNote?
    /// How many jobs there are, by status; nil where they can't be read.
    public let jobs: [String: Int]?
    /// How many models it keeps for its jobs.
    public let models: Int
    /// The bytes of its database, log, bodies and models.
    public let bytes: Int

    /// Throws where there is no folder, or one without jobs.
    public init(of path: String) throws(StateError) {
        folder = path
        let reader = try FolderReader(path)
        server = reader.server
        backup = BackupNote(in: reader.places)
        jobs = try? reader.reading { try $0.inDatabase(FolderReport.counts) }
        models = KeptModels(reader.places).kept().count
        let files = [reader.places.files, reader.places.models].flatMap { place in
            Directory.names(in: place).map { place + "/" + $0 }
        }
        bytes = ([reader.places.database, reader.places.log] + files).reduce(0) {
            $0 + (FileMark(path: $1)?.bytes ?? 0)
        }
    }
}
