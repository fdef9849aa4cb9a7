import Evaluation
import Platform

/// The files that `vigil eval` writes beside its tables.
enum EvalFiles {
    /// Throws where the charts can't be written into a folder that is there, or can't be made.
    static func checkPlots(in folder: String) throws {
        do throws(FileError) {
            guard try WorkFolder.check(folder) else { return }
            for name in EvaluationCharts.fileNames { try AtomicFile.check(path: "\(folder)/\(name)") }
        } catch {
            throw Failure(.configuration, "--plots \(error)")
        }
    }

    /// Writes the charts, each a file, into a folder that is made where it is not there.
    static func writePlots(of document: EvaluationDocument, to folder: String) throws(FileError) {
        try WorkFolder.make(folder)
        for (name, svg) in EvaluationCharts(document).files {
            try AtomicFile.write(Array(svg.utf8), to: "\(folder)/\(name)")
        }
    }
}
