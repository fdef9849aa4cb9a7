public import Logging
import Synchronization

/// What was logged, a line an event: its level, message and fields.
public final class Notes: Sendable {
    private let lines = Mutex<[String]>([])

    /// Nothing yet.
    public init() {}

    /// The lines.
    public var all: [String] { lines.withLock { $0 } }

    /// What is to be logged to.
    public func logger() -> Logger { Logger(label: "test") { _ in Handler(notes: self) } }

    private struct Handler: LogHandler {
        let notes: Notes
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let fields = (event.metadata ?? [:]).map { "\($0)=\($1)" }.sorted().joined(separator: " ")
            notes.lines.withLock { $0.append("\(event.level) \(event.message) \(fields)") }
        }
    }
}
