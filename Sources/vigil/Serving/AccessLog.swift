import Dispatch
import HTTP
import Jobs
import Logging
import Platform
import Synchronization
import SystemPackage

/// A line for each answer, in a file or on standard output, in the form of the log; where neither is asked for in the log
/// itself, while that tells what is for debugging.
///
/// Event loops only put lines into memory; a queue of its own writes them, as many at once as there are. Where writing
/// can't keep up lines are left out, and the server's log says how many.
final class AccessLog: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var leftOut = 0
        var isWriting = false
        var isFailing = false
    }

    private static let maxWaitingBytes = 4 << 20
    private static let permissions = FilePermissions(rawValue: 0o640)
    /// How long the end of the server waits for the last lines.
    private static let patience = Duration.seconds(1)

    /// Nil where lines go to the log.
    private let path: String?
    private let form: LogForm
    private let logger: Logger
    private let queue = DispatchQueue(label: "vigil.access-log")
    private let state = Mutex(State())
    /// Replaced and written to on the queue alone.
    private let file: Mutex<FileDescriptor?>

    /// - Parameter path: the file, which is made or added to; `-` for standard output.
    init(path: String, form: LogForm, logger: Logger) throws(Errno) {
        // A reader of a pipe that goes away is an error of writing, not the end of the server.
        signal(SIGPIPE, SIG_IGN)
        self.path = path
        self.form = form
        self.logger = logger
        file = Mutex(try Self.open(path))
    }

    /// A log of answers within the log.
    init(form: LogForm, logger: Logger) {
        path = nil
        self.form = form
        self.logger = logger
        file = Mutex(nil)
    }

    /// Takes note of an answer.
    func add(_ exchange: ExchangeRecord) {
        if path == nil, LogLines.shared.level > .debug { return }
        let line = exchange.line(form, at: SystemClock().wall)
        let mustStart = state.withLock { state in
            guard state.waiting.count + line.count <= Self.maxWaitingBytes else {
                state.leftOut += 1
                return false
            }
            state.waiting += line
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustStart { queue.async { self.write() } }
    }

    /// Opens the file at the path again, for when another program has moved the old one away.
    func reopen() {
        guard let path, path != "-" else { return }
        queue.async {
            do throws(Errno) {
                let new = try Self.open(path)
                let old = self.file.withLock { file in
                    defer { file = new }
                    return file
                }
                try? old?.close()
            } catch {
                self.complain("the access log stays where it was", error)
            }
        }
    }

    /// Waits for what has been noted to be written, but not for a reader that takes nothing.
    func finish() async {
        let deadline = ContinuousClock.now + Self.patience
        while state.withLock({ $0.isWriting }), ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    private static func open(_ path: String) throws(Errno) -> FileDescriptor {
        if path == "-" { return .standardOutput }
        do {
            return try FileDescriptor.open(
                path, .writeOnly, options: [.append, .create, .closeOnExec], permissions: permissions)
        } catch {
            throw error as? Errno ?? .ioError
        }
    }

    private func write() {
        while let (lines, leftOut) = take() {
            if leftOut > 0 {
                logger.warning(
                    "the access log is too slow: lines are left out", metadata: ["lines": .stringConvertible(leftOut)])
            }
            guard let file = self.file.withLock({ $0 }) else {
                LogLines.shared.add(lines: lines)
                continue
            }
            do {
                _ = try file.writeAll(lines)
                state.withLock { $0.isFailing = false }
            } catch {
                // Once, and not for each answer, until it works again.
                let isNew = state.withLock { state in
                    defer { state.isFailing = true }
                    return !state.isFailing
                }
                if isNew { complain("the access log can't be written", error) }
            }
        }
    }

    /// What is waiting; nil, and nobody is writing any more, where nothing is.
    private func take() -> (lines: [UInt8], leftOut: Int)? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isWriting = false
                return nil
            }
            defer {
                state.waiting = []
                state.leftOut = 0
            }
            return (state.waiting, state.leftOut)
        }
    }

    private func complain(_ sentence: Logger.Message, _ error: any Error) {
        logger.error(sentence, metadata: ["file": "\(path ?? "")", "error": "\(error)"])
    }
}

extension ExchangeRecord {
    /// The exchange as a line. What clients wrote in it is escaped, so that none can forge another line.
    func line(_ form: LogForm, at time: WallTime) -> [UInt8] {
        var line = LogLine(form, at: time, .info, "request", reserving: 384)
        line.add("address", address.host)
        line.add("key", keyName)
        line.add("method", method?.rawValue)
        line.add("path", path)
        line.add("status", status?.code)
        line.add("complete", isComplete)
        line.add("request_bytes", bodyBytes)
        line.add("response_bytes", answerBytes)
        line.add("milliseconds", milliseconds)
        line.add("request_id", requestID)
        if let trace = trace?.shownID { line.add("trace_id", trace.description) }
        return line.bytes
    }

    private var keyName: String? {
        if case .key(let name) = client { name } else { nil }
    }

    /// To the microsecond.
    private var milliseconds: Double {
        Double(Int64((duration / .microseconds(1)).rounded())) / 1_000
    }
}
