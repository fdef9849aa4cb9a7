import Jobs
import Logging
import Platform
import Scoring

/// What of the memory that the process may use is for what clients send and get: settings count as far as there is room for
/// them.
///
/// What is in use once the models are loaded is theirs. Of the rest uploads may take a half, results that are kept in memory
/// a quarter, and answers on their way an eighth; the last eighth is for scoring, of which jobs that wait for a canary may take a
/// half, and for what the allocator keeps.
struct MemoryShares {
    private static let mebi = 1 << 20

    let limits: ProcessLimits
    private let room: Int

    /// - Parameter resident: bytes that are in use before anything is served
    init(_ limits: ProcessLimits = .atStart, resident: Int? = ProcessLimits.resident) {
        self.limits = limits
        // A server that has no room still takes short videos: a small limit is no reason to refuse all of them.
        room = max(limits.memory - (resident ?? 0), limits.memory / 8, 8 * Self.mebi)
    }

    /// Bytes that uploads may take.
    var uploads: Int { room / 2 / Self.mebi * Self.mebi }
    /// Bytes that results may take that are kept in memory.
    var results: Int { room / 4 / Self.mebi * Self.mebi }
    /// Bytes that answers on their way may take.
    var answers: Int { room / 8 }
    /// Bytes that jobs may take that wait for a canary.
    var canary: Int { min(Canary.mostBytes, room / 16) }

    /// The bytes of a setting in MiB as far as there is room for them; warns where less counts than was asked for.
    func bytes(of name: String, atMost share: Int, _ settings: Settings, _ logger: Logger) throws -> Int {
        let wanted = try settings.mebibytes(name)
        guard wanted > share else { return wanted }
        if settings.place(of: name) != nil {
            logger.warning(
                "\(name) is more than the memory has room for, and counts as less",
                metadata: [
                    "wanted": .stringConvertible(ByteCount(wanted)), "counts": .stringConvertible(ByteCount(share)),
                    "memory": .stringConvertible(ByteCount(limits.memory)), "by": "\(limits.memorySource)",
                ])
        }
        return share
    }

    /// Bounds uploads and answers by what there is.
    func apply(to service: inout ScoringService.Settings, _ queue: Backlog.Limits) {
        service.answerBytes = min(service.answerBytes, answers)
        guard queue.maxBytes >= uploads else { return }
        service.boundingMemoryBytes = limits.memory
        service.maxBodyBytes = min(service.maxBodyBytes, queue.maxBytes)
    }
}
