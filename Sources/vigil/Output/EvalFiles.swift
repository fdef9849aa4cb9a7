import Evaluation
import Platform

/// The files that `vigil eval` writes beside its tables.
enum EvalFiles {
    /// Writes a file that appears whole or not at all.
    static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        var file = try AtomicFile(path: path)
        try file.write(bytes)
        try file.commit()
    }

    /// Makes the charts' folder where it is not there; throws where they can't be written into it.
    static func preparePlots(in folder: String) throws {
        func refuse(_ why: String) -> Failure {
            Failure(.configuration, "--plots \(quoted(folder, limit: 200)): \(why)")
        }
        do throws(FileError) { try WorkFolder.make(folder) } catch {
            throw refuse("the folder can't be made: \(error)")
        }
        guard access(folder, W_OK | X_OK) == 0 else { throw refuse("it can't be written into: \(errnoText(errno))") }
        for name in EvaluationCharts.fileNames {
            do throws(FileError) { try AtomicFile.check(path: "\(folder)/\(name)") } catch {
                throw refuse(error.description)
            }
        }
    }

    /// Writes the charts, each a file, into a folder that is prepared.
    static func writePlots(of document: EvaluationDocument, to folder: String) throws(FileError) {
        for (name, svg) in EvaluationCharts(document).files { try write(Array(svg.utf8), to: "\(folder)/\(name)") }
    }
}
