import ArgumentParser
import Formats
import Service
import VadCLIP

/// `vigil inspect`.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show what a checkpoint, a model or a feature file holds.",
        discussion: "For features this is the feature report: whether they are what the model takes.")

    @Argument(help: "The file.")
    var file: String
    @Option(help: "The width that features should have.")
    var width = 512
    @Flag(help: "Write JSON.")
    var json = false

    func run() async throws {
        let mapped = try MappedFile(path: file)
        switch FileKind.detect(mapped) {
        case .torchZip, .legacyTorch: try show(Inspection(checkpoint: TorchCheckpoint(file: mapped)))
        case .safetensors:
            let tensors: SafetensorsFile
            do { tensors = try SafetensorsFile(file: mapped) } catch { throw Failure(.badData, "\(file): \(error)") }
            if tensors["features"] != nil, !ModelFile.isModel(tensors) {
                try showFeatures()
            } else if ModelFile.isModel(tensors) {
                try show(Inspection(model: tensors, file: mapped))
            } else {
                try show(Inspection(tensors: tensors))
            }
        case .gitLFSPointer, .html, .gzip:
            throw Failure(
                .badData,
                "\(file) is a \(FileKind.detect(mapped).rawValue) file: expected a checkpoint, a model or features")
        default: try showFeatures()
        }
    }

    private func show(_ inspection: Inspection) throws {
        try Terminal.print(json ? inspection.json : inspection.text)
    }

    private func showFeatures() throws {
        guard (1...8_192).contains(width) else { throw Failure(.usage, "--width \(width): expected 1 to 8192") }
        let array = try FeatureReader.array(at: file, width: width)
        let document: FeatureReportDocument
        do {
            document = FeatureReportDocument(try FeatureCheck(width: width).accept(array).report)
        } catch {
            throw Failure(.badData, "\(file): \(error)")
        }
        guard !json else { return try Terminal.print(document.json) }
        let lines = document.lines.map { $0 + String(repeating: " ", count: max(1, 15 - $0.count)) + $1 }
        try Terminal.print(Array(lines.joined(separator: "\n").utf8))
    }
}
