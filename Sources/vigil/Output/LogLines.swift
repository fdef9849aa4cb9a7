import Jobs
import Logging
import Platform
import Synchronization

/// The log: a line for each event on standard error, the time, the level, the message, and its fields by name.
///
/// Until the server begins, lines are held: the first one then tells what runs. Where it does not begin, what is left is
/// the one line that says why, after the warnings.
final class LogLines: Sendable {
    /// The process's own.
    static let shared = LogLines()

    private struct Line {
        let level: Logger.Level
        let text: String
    }

    private struct State {
        /// Nil once lines are written as they come.
        var held: [Line]? = []
    }

    private let state = Mutex(State())
    private let start = SystemClock().wall

    /// Makes this the log of all loggers.
    static func use() { LoggingSystem.bootstrap { _ in LogLineHandler() } }

    /// Writes the first line, where `level` lets it, and what was held; from here on lines are written as they come.
    func begin(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata) {
        let first = Self.text(at: start, .info, message, metadata)
        state.withLock { state in
            let held = state.held ?? []
            state.held = nil
            if level <= .info { Terminal.writeLog(first) }
            for line in held { Terminal.writeLog(line.text) }
        }
    }

    /// Writes as they come the lines of a server that has no first one.
    func beginSilently() { state.withLock { $0.held = nil } }

    /// Writes the warnings of what did not begin.
    func giveUp() {
        state.withLock { state in
            for line in state.held ?? [] where line.level >= .warning { Terminal.writeLog(line.text) }
            state.held = nil
        }
    }

    fileprivate func add(_ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata) {
        let text = Self.text(at: SystemClock().wall, level, message, metadata)
        state.withLock { state in
            if state.held == nil { Terminal.writeLog(text) } else { state.held?.append(Line(level: level, text: text)) }
        }
    }

    /// An event as a line.
    static func text(
        at time: WallTime, _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata
    ) -> String {
        let fields = metadata.sorted { $0.key < $1.key }.map { " \($0.key)=\(quoted("\($0.value)"))" }
        return "\(time) \(level.rawValue) \(escaped(message, quotes: false))\(fields.joined())\n"
    }

    /// A value in quotes where it is empty, has blanks or quotes, or something that can't be shown.
    private static func quoted(_ value: String) -> String {
        let isPlain = value.unicodeScalars.allSatisfy {
            $0.value > 0x20 && $0 != "\"" && !(0x7F...0x9F).contains($0.value)
        }
        return isPlain && !value.isEmpty ? value : "\"\(escaped(value, quotes: true))\""
    }

    /// Without anything that could begin another line, or move the terminal's cursor.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\"" where quotes, "\\" where quotes: result += "\\\(scalar)"
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// Puts a logger's events into ``LogLines``.
private struct LogLineHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

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
