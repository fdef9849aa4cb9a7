import API
import Audit
import Jobs
import Logging
import Platform

/// The audit log of `vigil serve`.
struct AuditOptions {
    /// How long the end of the server waits for the last lines.
    private static let patience = Duration.seconds(5)

    private let log: AuditLog?
    /// What the endpoints keep; nil where no log is asked for.
    let trail: AuditTrail?

    /// Opens the log, if one is asked for; on SIGHUP its file is opened again.
    init(_ settings: Settings, _ logger: Logger, reloading: inout [Reloading.Source]) throws {
        guard let path = try settings.text("audit-log") else {
            (log, trail) = (nil, nil)
            return
        }
        try Self.checkAlone(path, settings)
        let syncing = try settings.text("audit-sync").flatMap { AuditLog.Syncing(rawValue: $0) } ?? .always
        do throws(AuditError) {
            let log = try AuditLog(
                path: path, syncing: syncing, version: Vigil.version, now: { SystemClock().wall.description },
                report: Self.reporter(path, logger))
            reloading.append(.init("the audit log") { log.reopen() })
            self.log = log
        } catch {
            throw Failure(.configuration, settings.failure("audit-log", "\(error)").description)
        }
        let isRequired = try settings.text("audit-failure") != AuditFailure.goOn.rawValue
        trail = log.map { AuditTrail($0, isRequired: isRequired) }
    }

    /// Throws where the access log, which is open by now, would be written to the same file.
    private static func checkAlone(_ path: String, _ settings: Settings) throws {
        guard let other = try settings.text("access-log"), other != "-" else { return }
        guard [path, path + ".head"].contains(where: { AtomicFile.isSameFile($0, other) }) else { return }
        throw settings.failure("audit-log", "'\(path)' has the lines of access-log too: expected a file of its own")
    }

    /// Writes down the jobs that were handed in before this start and of which the log has no line.
    func recover(from backlog: Backlog, _ logger: Logger) async throws {
        guard let trail, case let count = try await trail.recover(from: backlog), count > 0 else { return }
        logger.warning(
            "jobs had no line in the audit log, since the process ended before it was written; they have one now",
            metadata: ["jobs": "\(count)"])
    }

    /// Writes what is left, and that this is all.
    func finish() async {
        trail?.flush()
        await log?.finish(within: Self.patience)
    }

    /// The same for a server that could not begin, which leaves no new files.
    func withdraw() async { await log?.withdraw(within: Self.patience) }

    private static func reporter(_ path: String, _ logger: Logger) -> @Sendable (AuditLog.Event) -> Void {
        { event in
            let file: Logger.Metadata = ["file": "\(path)"]
            switch event {
            case .torn(let bytes):
                logger.warning(
                    "the audit log ended within a line, of which nobody was told: it is cut off",
                    metadata: file.merging(["bytes": .stringConvertible(bytes)]) { $1 })
            case .lost(let number):
                logger.error(
                    "lines of the audit log are missing or were changed; its next line says so",
                    metadata: file.merging(["up_to": .stringConvertible(number)]) { $1 })
            case .unwitnessed:
                logger.warning(
                    "nothing vouches for the lines of the audit log: its .head is not there or can't be read; its next line says so",
                    metadata: file)
            case .missing(let count):
                logger.error(
                    "some of what was done is not in the audit log, since it could not be written; a line of it says so",
                    metadata: file.merging(["count": .stringConvertible(count)]) { $1 })
            case .failing(let error):
                logger.error("the audit log can't be written", metadata: file.merging(["error": "\(error)"]) { $1 })
            case .recovered: logger.notice("the audit log is written again", metadata: file)
            case .kept(let error):
                logger.error("the audit log stays where it was", metadata: file.merging(["error": "\(error)"]) { $1 })
            case .reopened(let number):
                logger.info(
                    "the audit log goes on in a new file",
                    metadata: file.merging(["after": .stringConvertible(number)]) { $1 })
            }
        }
    }
}

/// What becomes of requests while the audit log can't be written.
enum AuditFailure: String, CaseIterable {
    case refuse
    case goOn = "continue"
}
