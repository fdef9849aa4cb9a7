import Logging
import UnixSignals

/// Has the log tell more while the server runs: each SIGUSR1 one level more, and after the last one what was set again.
struct LogLevelSwitch {
    private let signals: UnixSignalsSequence
    private let standard: Logger.Level

    /// From here on SIGUSR1 is taken.
    init() async {
        signals = await UnixSignalsSequence(trapping: .sigusr1)
        standard = LogLines.shared.level
    }

    /// Goes on until the task is cancelled.
    func run() async {
        for await _ in signals {
            let level = Self.next(after: LogLines.shared.level, standard: standard)
            LogLines.shared.level = level
            // Whatever the level is: who sent the signal wants to know that it came.
            LogLines.shared.add(.notice, "the log level is changed by SIGUSR1", ["log_level": "\(level)"])
        }
    }

    /// The levels that tell more than `standard` one after another, and then that one.
    static func next(after level: Logger.Level, standard: Logger.Level) -> Logger.Level {
        let more: [Logger.Level] = [.info, .debug, .trace]
        return more.first { $0 < min(level, standard) } ?? standard
    }
}
