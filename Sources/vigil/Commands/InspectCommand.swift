import ArgumentParser
import Formats
import Platform
import Service
import VadCLIP

/// `vigil inspect`.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show what checkpoints, models and feature files hold.",
        discussion: "For features this is the feature report: whether they are what the model takes.")

    @Argument(help: "The files.")
    var files: [String]
    @Option(help: "The width that features should have.")
    var width = 512
    @Flag(help: "The files are float32 rows, whatever they are called.")
    var raw = false
    @Flag(help: "Write JSON, an object a line.")
    var json = false

    func run() async throws {
        var failures = FileFailures(of: files.count)
        for (index, file) in files.enumerated() {
            do {
                try await show(file, isFirst: index == 0)
            } catch {
                try failures.add(error, of: file)
            }
        }
        try failures.end()
    }

    private func show(_ file: String, isFirst: Bool) async throws {
        guard let inspection = try raw ? nil : inspection(of: file) else {
            return try await showFeatures(file, isFirst)
        }
        try write(json ? inspection.json(file: file) : inspection.text, of: file, isFirst)
    }

    /// What a file holds that is no feature file; nil for one that is, or is to be told what it is.
    private func inspection(of path: String) throws -> Inspection? {
        guard let file = try? MappedFile(path: path) else { return nil }
        switch FileKind.detect(file) {
        case .torchZip where TorchFeatures.isTorch(file):
            let features = try? TorchFeatures.array(in: file, limits: ArrayLimits())
            return features == nil ? Inspection(checkpoint: try TorchCheckpoint(file: file)) : nil
        case .legacyTorch: return Inspection(checkpoint: try TorchCheckpoint(file: file))
        case .safetensors:
            let tensors: SafetensorsFile
            do { tensors = try SafetensorsFile(file: file) } catch { throw Failure(.badData, "\(path): \(error)") }
            if ModelFile.isModel(tensors) { return try Inspection(model: tensors, file: file) }
            return tensors["features"] == nil ? Inspection(tensors: tensors) : nil
        default: return nil
        }
    }

    private func showFeatures(_ file: String, _ isFirst: Bool) async throws {
        guard (1...8_192).contains(width) else { throw Failure(.usage, "--width \(width): expected 1 to 8192") }
        var isFirst = isFirst
        for matrix in try await FeatureReader.matrices(at: file, isRows: raw, width: width) {
            let document = FeatureReportDocument(try report(on: matrix))
            let lines = document.lines.map { $0 + String(repeating: " ", count: max(1, 15 - $0.count)) + $1 }
            try write(
                json ? document.json(file: matrix.label) : Array(lines.joined(separator: "\n").utf8), of: matrix.label,
                isFirst)
            isFirst = false
        }
    }

    private func report(on matrix: FeatureReader.Matrix) throws -> FeatureReport {
        do throws(FeatureError) {
            var report = try FeatureCheck(width: width).accept(matrix.array).report
            report.warnings = matrix.notes + report.warnings
            return report
        } catch {
            var hint = ""
            if case .wrongWidth(let found, _) = error { hint = " (--width \(found) if that is what you mean)" }
            throw Failure(.badData, "\(matrix.label): \(error)\(hint)")
        }
    }

    /// Writes what was found, under the file's name where it is one of several.
    private func write(_ bytes: [UInt8], of label: String, _ isFirst: Bool) throws {
        let isNamed = !json && (files.count > 1 || label != files[0])
        let title = isNamed ? Array("\(isFirst ? "" : "\n")\(label)\n".utf8) : []
        try Terminal.print(title + bytes)
    }
}
