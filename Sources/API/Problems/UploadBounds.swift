import Formats
import HTTP
import Jobs
import Platform
import Scoring
import Telemetry

/// The settings that bound an upload: a 413 names the one that it is about.
struct UploadBounds {
    let maxBodyBytes: Int
    let maxQueued: Int
    let maxQueuedBytes: Int
    /// The memory of the process, where that is what bounds uploads.
    private let memory: Int?
    /// Bytes of a video; nil where nobody has said anything of them.
    private let maxVideoBytes: Int?

    init(_ scoring: ScoringService) {
        maxVideoBytes = scoring.videos?.maxBytes
        maxBodyBytes = scoring.settings.maxBodyBytes
        maxQueued = scoring.backlog.limits.maxJobs
        maxQueuedBytes = scoring.backlog.limits.maxBytes
        memory = scoring.settings.boundingMemoryBytes
    }

    /// What bounds a body.
    var ofBody: String { ofMemory ?? "An operator raises the limit by --max-body, in MiB." }

    /// Bytes that a form has beside its videos' own.
    private static let formBytes = 1 << 20

    /// Bytes of the largest body of all, of which it is known only later what it is.
    var largestBody: Int { max(maxBodyBytes, maxVideoBytes.map { $0 + Self.formBytes } ?? 0) }

    /// What bounds that.
    var ofLargest: String {
        largestBody == maxBodyBytes
            ? ofBody
            : "An operator raises the limit of a video by --max-video, and that of features by --max-body, in MiB."
    }

    /// What is short where an upload is too large; nil where a setting says so.
    var shortage: String? { memory == nil ? nil : Family.Shortage.memory.rawValue }

    private var ofMemory: String? {
        memory.map {
            "The server may use \(ByteCount($0)) of memory, of which uploads have \(ByteCount(maxQueuedBytes)); an operator "
                + "can give it more."
        }
    }

    /// The setting that an error is about; nil where there is none.
    func hint(on error: any Error) -> String? {
        switch error {
        case let error as BodyError: hint(on: error)
        case let error as ScoringError: hint(on: error)
        default: nil
        }
    }

    /// Whether an error is about what the memory bounds, where it does.
    func isOfMemory(_ error: any Error) -> Bool { ofMemory != nil && hint(on: error) == ofMemory }

    private func hint(on error: BodyError) -> String? {
        if case .tooLarge = error { ofBody } else { nil }
    }

    private func hint(on error: ScoringError) -> String? {
        switch error {
        case .source(let source): hint(on: source)
        case .content(let error):
            switch error.kind {
            case .tooLarge:
                ofMemory
                    ?? "The limit follows from --max-body, \(ByteCount(maxBodyBytes)), which an operator can raise."
            case .tooMany: ofJobs
            default: nil
            }
        case .refused(.tooMany): ofJobs
        case .refused(.tooLarge):
            ofMemory ?? "The limit is --max-queued-memory, \(ByteCount(maxQueuedBytes)), which an operator can raise."
        default: nil
        }
    }

    private var ofJobs: String {
        maxQueued < ScoringService.mostMatrices
            ? "The limit is --max-queued, \(maxQueued), which an operator can raise."
            : "Send them in several requests."
    }
}
