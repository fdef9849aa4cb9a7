import Jobs
import Logging
import Platform
import UnixSignals

/// Reads files again while the server runs: those that have changed, and all of them on SIGHUP.
struct Reloading {
    /// Files that are read together.
    struct Source: Sendable {
        /// What the log calls them.
        let name: String
        /// Nil where they are read on SIGHUP alone.
        let files: WatchedFiles?
        /// What is done every few seconds, where looking at files is not all.
        var poll: (@Sendable () async -> Void)?
        /// Reads them where they may have changed, says what came of it, and tells the log if they can't be used.
        let read: @Sendable () async -> Rereading
    }

    static let pause = Duration.seconds(2)

    private let hangups: UnixSignalsSequence
    private let logger: Logger
    /// Nil where nobody is told of it.
    private let manager: ServiceManager?

    /// From here on neither SIGHUP nor SIGUSR1 ends the process, and until they are taken they do nothing: what would be read
    /// again is yet to be read.
    static func passOverSignals() {
        for number in [SIGHUP, SIGUSR1] { signal(number, SIG_IGN) }
    }

    /// From here on SIGHUP has files read again.
    init(logger: Logger, manager: ServiceManager?) async {
        hangups = await UnixSignalsSequence(trapping: .sighup)
        self.logger = logger
        self.manager = manager
    }

    /// Goes on until the task is cancelled.
    ///
    /// - Parameter config: the settings, of which some stand in a file
    func run(_ sources: [Source], config: ConfigReading? = nil) async {
        await withTaskGroup(of: Void.self) { group in
            if sources.contains(where: { $0.files != nil || $0.poll != nil }) { group.addTask { await watch(sources) } }
            group.addTask { await readOnSignal(sources, config) }
        }
    }

    private func watch(_ sources: [Source]) async {
        await SystemClock().every(Self.pause) {
            for source in sources where source.files?.areDue() == true { _ = await source.read() }
            for source in sources { await source.poll?() }
        }
    }

    private func readOnSignal(_ sources: [Source], _ config: ConfigReading?) async {
        for await _ in hangups {
            if let manager {
                await manager.tell(ofReading: { await Self.read(sources, config, logger) })
            } else {
                await Self.read(sources, config, logger)
            }
        }
    }

    /// Reads all, and tells the log what came of it.
    static func read(_ sources: [Source], _ config: ConfigReading?, _ logger: Logger) async {
        if sources.isEmpty, config == nil {
            logger.info("SIGHUP changes nothing: no file was named that could be read again")
        }
        var names: [Rereading: [String]] = [:]
        for source in sources {
            source.files?.markRead()
            names[await source.read(), default: []].append(source.name)
        }
        if !sources.isEmpty { tell(names, logger) }
        config?.tell(logger)
    }

    /// Says what a signal came to.
    private static func tell(_ names: [Rereading: [String]], _ logger: Logger) {
        var fields: Logger.Metadata = [:]
        for (outcome, word) in [(Rereading.read, "read"), (.unchanged, "unchanged"), (.kept, "kept")] {
            if let names = names[outcome] { fields[word] = "\(names.joined(separator: ", "))" }
        }
        let isSame = names[.read] == nil && names[.kept] == nil
        logger.info(isSame ? "SIGHUP: no file has changed" : "SIGHUP: files were read again", metadata: fields)
    }
}

extension Reloading.Source {
    /// What is done on SIGHUP alone, without fail.
    init(_ name: String, read: @escaping @Sendable () -> Void) {
        self.init(
            name: name, files: nil,
            read: {
                read()
                return .read
            })
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
        self.init(name: files.paths.joined(separator: ", "), files: files) {
            do throws(Failure) { tell(try file.reload()) } catch {
                logger.error(kept, metadata: ["error": "\(error)"])
                return .kept
            }
            return .read
        }
    }

    /// Warns where everyone on this system can read a file of what few should know.
    static func warnOfReaders(of path: String, _ secret: String, _ logger: Logger) {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IROTH != 0 else { return }
        logger.warning("everyone on this system can read the \(secret): chmod o-r", metadata: ["file": "\(path)"])
    }
}
