import API
import Engine
import Logging
import Platform
import Scoring
import Synchronization
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
                let share = GivenValue.number(Substring(text.utf8[text.utf8.index(after: colon)...].dropLast())),
                share > 0, share <= 100,
                let argument = try? ModelArgument(String(text[..<colon])), let name = argument.name
            else { return nil }
            self.name = name
            path = argument.path
            self.share = share / 100
        }
    }

    /// What is asked for; nil where nothing is.
    private func wish(among library: ModelLibrary) throws -> Wish? {
        guard let text = try settings.text("canary") else { return nil }
        guard let wish = Wish(text) else {
            throw settings.failure(
                "canary",
                "found \(quoted(text)), expected NAME=FILE:SHARE%, such as ucf-crime=new.safetensors:5%, of more than 0 to 100"
            )
        }
        // What the folder of models lacks now may come yet.
        guard library.folder != nil || library.files.contains(where: { $0.name.hasBytes(of: wish.name) }) else {
            let names = library.files.map { "'\($0.name)'" }.joined(separator: ", or ")
            throw settings.failure("canary", "no model is called '\(wish.name)': expected \(names)")
        }
        return wish
    }

    /// One rule for all files that are named: one that is not there, or can't be read, is no such input.
    private func checkThere(_ wish: Wish) throws {
        guard let reason = InputFile.fault(wish.path) else { return }
        throw Failure(.noInput, settings.failure("canary", "\(wish.path): \(reason)").description)
    }

    /// The canary, whose file has to be there and is read once the server serves: nothing that is wrong with what is in it keeps a
    /// server from that. Nil where none is asked for.
    func canary(
        of library: ModelLibrary, within memory: MemoryShares, _ telemetry: JobTelemetry, _ logger: Logger
    ) throws -> Canary? {
        guard let wish = try wish(among: library) else { return nil }
        try checkThere(wish)
        if !library.files.contains(where: { $0.name.hasBytes(of: wish.name) }) {
            logger.warning(
                "no model is called as the canary's yet: its jobs are compared once there is one",
                metadata: [
                    "model": "\(wish.name)", "models": "\(library.files.map(\.name).joined(separator: ", "))",
                ])
        }
        let read = Mutex<FileStamp?>(nil)
        let isAnother: @Sendable () -> Bool = {
            let found = FileStamp(wish.path)
            return read.withLock { read in
                defer { read = found }
                return read != found
            }
        }
        return Canary(
            of: wish.name, from: wish.path, share: wish.share, room: memory.canary, among: library.registry,
            isAnother: isAnother
        ) { outcome in
            telemetry.compared(outcome)
            switch outcome {
            case .compared(let report): logger.info("a job was scored by the canary too", metadata: Self.fields(report))
            case .failed(let job, let reason, let isNew):
                guard isNew else { return }
                logger.warning(
                    "the canary can't score a job, whose result is what it is without it",
                    metadata: ["job": "\(job)", "model": "\(wish.name)", "error": "\(reason)"])
            case .passedOver: break
            }
        }
    }

    private static func fields(_ report: Canary.Report) -> Logger.Metadata {
        [
            "job": "\(report.job)", "model": "\(report.model.name)",
            "sha256": "\(report.model.sha256 ?? "")", "canary_sha256": "\(report.canarySHA256)",
            "snippets": .stringConvertible(report.snippets), "mean": .stringConvertible(report.mean),
            "largest": .stringConvertible(report.largest),
            "segments_lost": .stringConvertible(report.segments.lost),
            "segments_gained": .stringConvertible(report.segments.gained),
        ]
    }

    /// Throws what a server would tell of it sooner or later.
    func check(_ library: ModelLibrary, kernels: Kernels) throws {
        guard let wish = try wish(among: library) else { return }
        try checkThere(wish)
        let model = try ModelSource.load(path: wish.path, kernels: kernels)
        let (width, own) = (library.registry.current(wish.name)?.model.configuration.width, model.configuration.width)
        guard width == nil || own == width else {
            throw settings.failure(
                "canary",
                "\(wish.path) takes features \(own) wide, '\(wish.name)' \(width ?? 0): expected models that take the same"
            )
        }
    }
}
