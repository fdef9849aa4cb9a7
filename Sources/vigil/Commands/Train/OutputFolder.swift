import Platform
import Training

/// The folders for what comes out of a training, which it has for itself while it runs.
struct OutputFolder {
    private var locked: [WorkFolder] = []

    /// Makes a folder where there is none, and takes it; throws where another training has it.
    mutating func take(_ path: String) throws(Failure) {
        do throws(FileError) {
            try WorkFolder.make(path)
            guard let folder = try WorkFolder(locking: path) else {
                throw FileError.notWritable(path: path, reason: "another vigil train is at work in it")
            }
            locked.append(folder)
        } catch {
            throw Failure(.configuration, "--output: \(error)")
        }
    }

    /// Throws where a run's files can't stand in a folder, or its state is there and nobody asked to go on from it; then
    /// removes what killed runs have left half-written.
    func prepare(_ path: String, resuming: Bool) throws(Failure) {
        do { try TrainingJob.checkFiles(in: path) } catch { throw Failure(.configuration, "--output: \(error)") }
        let state = TrainingJob.state(in: path)
        if !resuming, access(state, F_OK) == 0 {
            throw Failure(
                .usage,
                "\(state) is the state of a training: --resume goes on from it; remove it to begin again, or name another "
                    + "--output")
        }
        locked.first { $0.path.utf8.elementsEqual(path.utf8) }?.sweep(TrainingJob.fileNames)
    }
}
