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

    /// Writes the charts, each a file, into a folder, which is made where it is not there.
    static func writePlots(of document: EvaluationDocument, to folder: String) throws {
        if mkdir(folder, 0o755) != 0, errno != EEXIST {
            throw Failure(.configuration, "--plots '\(folder)': the folder can't be made: \(errnoText(errno))")
        }
        for (name, svg) in EvaluationCharts(document).files { try write(Array(svg.utf8), to: "\(folder)/\(name)") }
    }
}
