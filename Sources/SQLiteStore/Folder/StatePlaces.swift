import Platform

/// What is where in a state folder.
struct StatePlaces: Sendable {
    let folder: String
    /// The folder whose witness and sums are gone by; nil for the same.
    let witnessed: String?

    init(folder: String, witnessed: String? = nil) {
        self.folder = folder
        self.witnessed = witnessed
    }

    /// Whether there is anything of a store.
    var hasAny: Bool { [database, log, witness, sums].contains { (path: String) in access(path, F_OK) == 0 } }

    /// Where the database is.
    var database: String { folder + "/jobs.sqlite" }
    /// What was committed and is not in the database yet.
    var log: String { database + "-wal" }
    /// What SQLite's connections share of the log.
    var index: String { database + "-shm" }
    /// What shows who has the folder.
    var lock: String { folder + "/lock" }
    /// How far the last commit was.
    var witness: String { (witnessed ?? folder) + "/witness" }
    /// What each page of the database has to be.
    var sums: String { (witnessed ?? folder) + "/sums" }
    /// Where large payloads and results are.
    var files: String { folder + "/files" }
    /// Where the files of models are that jobs wait for.
    var models: String { folder + "/models" }
    /// Where videos are until their jobs have ended.
    var videos: String { folder + "/videos" }
    /// What was there and is nobody's, for a while.
    var strays: String { folder + "/strays" }
    /// What told an older Vigil that the database was closed in order.
    var seal: String { folder + "/closed" }
    /// What a backup says of itself.
    var backup: String { folder + "/backup" }
    /// What is there while a backup is made, and stays where that did not come to its end.
    var unfinished: String { folder + "/unfinished" }
    /// What is there once its jobs have begun to be moved to a database.
    var moved: String { folder + "/moved" }
    /// What the workers are at.
    var work: String { folder + "/work" }
    /// What is given back to a full disk.
    var ballast: String { folder + "/ballast" }
}
