import API
import Engine
import Logging
import Platform
import Scoring
import Tensors

/// Which part of the jobs of `vigil serve` is scored by another model too.
struct CanaryOptions {
    let settings: Settings

    /// What `NAME=FILE:SHARE%` says.
    struct Wish: Equatable {
        let name: String
        let path: String
        /// From 0 to 1.
        let share: Double

        /// Nil where the text says nothing such.
        init?(_ text: String) {
            guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")),
                text.utf8.last == ASCII.percent,
                let share = GivenValue.number(text[text.utf8.index(after: colon)...].dropLast()),
                share > 0, share <= 100,
                let argument = try? ModelArgument(String(text[..<colon])), let name = argument.name
            else { return nil }
            self.name = name
            path = argument.path
            self.share = share / 100
        }
    }

    /// The canary; nil where none is asked for.
    func canary(
        of models: ModelRegistry, kernels: Kernels, _ telemetry: JobTelemetry, _ logger: Logger
    ) throws -> Canary? {
        guard let text = try settings.text("canary") else { return nil }
        guard let wish = Wish(text) else {
            throw settings.failure(
                "canary", "found \(quoted(text)), expected NAME=FILE:SHARE%, such as ucf-crime=new.safetensors:5%")
        }
        guard let current = models.current(wish.name) else {
            let names = models.all.map { "'\($0.name)'" }.joined(separator: ", or ")
            throw settings.failure("canary", "no model is called '\(wish.name)': expected \(names)")
        }
        if let reason = InputFile.fault(wish.path) { throw Failure(.noInput, "--canary: \(wish.path): \(reason)") }
        let model = try ModelSource.load(path: wish.path, kernels: kernels)
        let (width, own) = (current.model.configuration.width, model.configuration.width)
        guard own == width else {
            throw settings.failure(
                "canary",
                "\(wish.path) takes features \(own) wide, '\(wish.name)' \(width): expected models that take the same")
        }
        return Canary(of: wish.name, by: ModelVersion(model, name: wish.name), share: wish.share) { outcome in
            telemetry.compared(outcome)
            guard case .compared(let report) = outcome else { return }
            logger.info(
                "a job was scored by the canary too",
                metadata: [
                    "job": "\(report.job)", "model": "\(report.model.name)",
                    "sha256": "\(report.model.sha256 ?? "")", "canary_sha256": "\(report.canarySHA256)",
                    "snippets": .stringConvertible(report.snippets), "mean": .stringConvertible(report.mean),
                    "largest": .stringConvertible(report.largest),
                    "segments_lost": .stringConvertible(report.segments.lost),
                    "segments_gained": .stringConvertible(report.segments.gained),
                ])
        }
    }
}
