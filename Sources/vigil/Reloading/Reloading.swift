import Jobs
import Logging
import Platform
import UnixSignals

/// Reads files again while the server runs: those that have changed, and all of them on SIGHUP.
struct Reloading {
    /// Files that are read together.
    struct Source: Sendable {
        /// Nil where they are read on SIGHUP alone.
        let files: WatchedFiles?
        /// Reads them; tells the log if they can't be used.
        let read: @Sendable () -> Void
    }

    static let pause = Duration.seconds(2)

    private let hangups: UnixSignalsSequence
    private let logger: Logger
    /// Nil where nobody is told of it.
    private let manager: ServiceManager?

    /// From here on SIGHUP does not end the process.
    init(logger: Logger, manager: ServiceManager?) async {
        hangups = await UnixSignalsSequence(trapping: .sighup)
        self.logger = logger
        self.manager = manager
    }

    /// Goes on until the task is cancelled.
    func run(_ sources: [Source]) async {
        await withTaskGroup(of: Void.self) { group in
            if sources.contains(where: { $0.files != nil }) { group.addTask { await watch(sources) } }
            group.addTask { await readOnSignal(sources) }
        }
    }

    private func watch(_ sources: [Source]) async {
        await SystemClock().every(Self.pause) {
            for source in sources where source.files?.areDue() == true { source.read() }
        }
    }

    private func readOnSignal(_ sources: [Source]) async {
        for await _ in hangups {
            manager?.tell(.reloading(at: .now))
            defer { manager?.tell(.ready) }
            if sources.isEmpty { logger.info("SIGHUP changes nothing: no file was named that could be read again") }
            for source in sources {
                source.files?.markRead()
                source.read()
            }
        }
    }
}

extension Reloading.Source {
    /// What files say counts from now on, as soon as they can be used.
    ///
    /// - Parameters:
    ///   - kept: what the log is told where they can't
    ///   - tell: tells the log what counts now
    init<Value, Failure>(
        _ files: WatchedFiles, of file: ReloadedFile<Value, Failure>, kept: Logger.Message, _ logger: Logger,
        tell: @escaping @Sendable (Value) -> Void
    ) {
        self.init(files: files) {
            do throws(Failure) { tell(try file.reload()) } catch {
                logger.error(kept, metadata: ["error": "\(error)"])
            }
        }
    }

    /// Warns where everyone on this system can read a file of what few should know.
    static func warnOfReaders(of path: String, _ secret: String, _ logger: Logger) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IROTH != 0 else { return }
        logger.warning("everyone on this system can read the \(secret): chmod o-r", metadata: ["file": "\(path)"])
    }
}
