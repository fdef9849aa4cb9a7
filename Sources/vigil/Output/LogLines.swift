import Jobs
import Logging
import Platform
import Synchronization

/// The log: a line for each event on standard error, all in one form.
///
/// Until the server begins, lines are held: the first one then tells what runs. Where it does not begin, what is left is
/// the one line that says why, after the warnings.
final class LogLines: Sendable {
    /// The process's own.
    static let shared = LogLines()

    private struct Line {
        let level: Logger.Level
        let bytes: [UInt8]
    }

    private struct State {
        /// Nil once lines are written as they come.
        var held: [Line]? = []
        var form = LogForm.text
    }

    private let state = Mutex(State())
    private let start = SystemClock().wall
    /// What loggers tell, as a number: it is looked at for each event.
    private let threshold = Atomic<Int>(LogLines.order(.info))

    /// Makes this the log of all loggers.
    static func use(_ form: LogForm = .text, _ level: Logger.Level = .info) {
        shared.state.withLock { $0.form = form }
        shared.level = level
        LoggingSystem.bootstrap { _ in LogLineHandler() }
    }

    /// The form of all lines.
    var form: LogForm { state.withLock { $0.form } }

    /// What all loggers tell; it may change while the server runs.
    var level: Logger.Level {
        get { Self.levels[threshold.load(ordering: .relaxed)] }
        set { threshold.store(Self.order(newValue), ordering: .relaxed) }
    }

    /// Made once: it is asked for each request.
    private static let levels = Logger.Level.allCases

    private static func order(_ level: Logger.Level) -> Int { levels.firstIndex(of: level) ?? 0 }

    /// Writes the first line, where the level lets it, and what was held; from here on lines are written as they come.
    func begin(_ message: String, _ metadata: Logger.Metadata) {
        let first = LogLine(form, at: start, .info, message, metadata).bytes
        state.withLock { state in
            let held = state.held ?? []
            state.held = nil
            if level <= .info { Terminal.writeLog(first) }
            for line in held { Terminal.writeLog(line.bytes) }
        }
    }

    /// Writes as they come the lines of a server that has no first one.
    func beginSilently() { state.withLock { $0.held = nil } }

    /// Writes the warnings of what did not begin.
    func giveUp() {
        state.withLock { state in
            for line in state.held ?? [] where line.level >= .warning { Terminal.writeLog(line.bytes) }
            state.held = nil
        }
    }

    /// Writes lines that are whole.
    func add(lines: [UInt8]) { state.withLock { _ in Terminal.writeLog(lines) } }

    /// Writes an event, whatever the level is.
    func add(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata) {
        let bytes = LogLine(form, at: SystemClock().wall, level, message, metadata).bytes
        state.withLock { state in
            if state.held == nil {
                Terminal.writeLog(bytes)
            } else {
                state.held?.append(Line(level: level, bytes: bytes))
            }
        }
    }
}

/// Puts a logger's events into ``LogLines``.
private struct LogLineHandler: LogHandler {
    /// That of this logger alone, where it has one.
    private var own: Logger.Level?
    var metadata: Logger.Metadata = [:]

    var logLevel: Logger.Level {
        get { own ?? LogLines.shared.level }
        set { own = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = metadata.merging(event.metadata ?? [:]) { _, own in own }
        if let error = event.error { fields["error"] = "\(error)" }
        LogLines.shared.add(event.level, event.message.description, fields)
    }
}
