import Platform
import Training

/// The folders for what comes out of a training, which it has for itself while it runs. Those that are not there are made when
/// a run is ready to begin: a training that is refused leaves none.
struct OutputFolders {
    private let root: String
    private let resuming: Bool
    private var taken: [ByteText: WorkFolder] = [:]

    /// Looks at all folders, and takes those that are there: throws where a run's files can't stand in its own, or its state
    /// is there and nobody asked to go on from it.
    ///
    /// - Parameters:
    ///   - root: that of `--output`
    ///   - runs: those of the runs
    init(_ root: String, runs: [String], resuming: Bool) throws(Failure) {
        self.root = root
        self.resuming = resuming
        for folder in [root] + runs where !isTaken(folder) {
            if try Self.naming({ () throws(FileError) in try WorkFolder.check(folder) }) { try take(folder) }
        }
        for run in runs where isTaken(run) { try prepare(run) }
    }

    /// Makes a run's folder where it is not there, and those above it.
    mutating func make(_ run: String) throws(Failure) {
        for folder in [root, run] where !isTaken(folder) {
            try Self.naming { () throws(FileError) in try WorkFolder.make(folder) }
            try take(folder)
        }
        try prepare(run)
    }

    private func isTaken(_ path: String) -> Bool { taken[ByteText(path)] != nil }

    /// Throws where another training has the folder.
    private mutating func take(_ path: String) throws(Failure) {
        taken[ByteText(path)] = try Self.naming { () throws(FileError) in
            guard let folder = try WorkFolder(locking: path) else {
                throw FileError.notWritable(path: path, reason: "another vigil train is at work in it")
            }
            return folder
        }
    }

    /// Looks at the files of a run's folder, and removes what killed runs have left half-written.
    private func prepare(_ path: String) throws(Failure) {
        try Self.naming { () throws(FileError) in try TrainingJob.checkFiles(in: path) }
        let state = TrainingJob.state(in: path)
        if !resuming, access(state, F_OK) == 0 {
            throw Failure(
                .usage,
                "\(state) is the state of a training: --resume goes on from it; remove it to begin again, or name another "
                    + "--output")
        }
        taken[ByteText(path)]?.sweep(TrainingJob.fileNames)
    }

    private static func naming<Value>(_ body: () throws(FileError) -> Value) throws(Failure) -> Value {
        do throws(FileError) { return try body() } catch { throw Failure(.configuration, "--output: \(error)") }
    }
}
