import CLinux

/// A program that runs beside this one, within bounds that it can't leave: three descriptors and no other, no file to write,
/// so much memory and time, no privilege to gain.
///
/// It leads a session and a group of its own, is killed with what is left of that group where it is let go of, and is always
/// reaped: by a thread that is there for it alone. Signals that ask a program to end don't reach it: whoever sends them to all of a
/// service means this process, which ends it itself.
public final class Subprocess: Sendable {
    /// What is to be started.
    public struct Command: Sendable {
        /// The program's path.
        public var program: String
        /// What it is given, without its own name.
        public var arguments: [String]
        /// Bytes of its address space.
        public var memory: Int
        /// Seconds of processors' time.
        public var processorSeconds: Int
        /// Whether it has a network of its own, which reaches nothing; there may be no start with it.
        public var hasOwnNetwork: Bool
        /// Whether a filter of the kernel's refuses it sockets that leave the machine, and calls for debuggers.
        public var isFiltered: Bool

        /// A program and its bounds.
        public init(
            _ program: String, _ arguments: [String], memory: Int = 4 << 30, processorSeconds: Int = 3_600,
            hasOwnNetwork: Bool = false, isFiltered: Bool = true
        ) {
            self.program = program
            self.arguments = arguments
            self.memory = memory
            self.processorSeconds = processorSeconds
            self.hasOwnNetwork = hasOwnNetwork
            self.isFiltered = isFiltered
        }
    }

    /// How it ended.
    public enum End: Equatable, Sendable {
        /// By itself, with this code.
        case exited(Int32)
        /// By a signal.
        case killed(Int32)

        /// Whether somebody else has ended it, or the system for want of memory: no fault of its own, and none of its limits.
        public var isFromOutside: Bool {
            guard case .killed(let signal) = self else { return false }
            return [SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGTERM].contains(signal)
        }
    }

    private struct State: Sendable {
        var pid: pid_t?
        /// What the system said instead of starting it.
        var fault: CInt?
        var end: End?
    }

    /// Where all that it is started with comes from; nothing else of this process's variables goes to it.
    private static let environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"]

    private let state: Monitor<State>
    /// What it writes to its standard output; open as long as this is.
    public let output: CInt
    /// What it writes to its standard error; open as long as this is.
    public let errors: CInt

    /// Starts a program; throws where the system does not.
    ///
    /// - Parameters:
    ///   - command: the program and its arguments
    ///   - input: its standard input, which it has for itself then; nil for none
    public init(_ command: Command, input: CInt? = nil) throws(SubprocessError) {
        guard ([command.program] + command.arguments).allSatisfy({ !$0.utf8.contains(0) }) else {
            throw SubprocessError(program: command.program, code: EINVAL)
        }
        guard let outputs = Self.pipe(holding: 1 << 20) else {
            throw SubprocessError(program: command.program, code: errno)
        }
        guard let errors = Self.pipe(holding: 1 << 16) else {
            let code = errno
            for end in [outputs.read, outputs.write] { close(end) }
            throw SubprocessError(program: command.program, code: code)
        }
        (output, self.errors) = (outputs.read, errors.read)
        let state = Monitor(State())
        self.state = state
        let null = input == nil ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1
        defer { for end in [outputs.write, errors.write, null] where end >= 0 { close(end) } }
        let descriptors = (input ?? null, outputs.write, errors.write)
        // It is killed when the thread ends that started it: so that is one that waits for it.
        let code = OwnThread.run(name: "vigil-child", stackBytes: 1 << 18) {
            var pid: pid_t = 0
            let fault = Self.start(command, descriptors, &pid)
            guard fault == 0 else {
                state.withLock { $0.fault = fault }
                return state.wakeAll()
            }
            state.withLock { [pid] in $0.pid = pid }
            state.wakeAll()
            let code = vigil_wait_child(pid)
            state.withLock { state in
                vigil_reap_child(pid)
                state.pid = nil
                state.end = code < 0 ? .killed(-code) : .exited(code)
            }
            state.wakeAll()
        }
        let fault =
            code != 0
            ? code : state.wait { $0.fault ?? ($0.pid != nil || $0.end != nil ? 0 : nil) }
        guard fault == 0 else { throw SubprocessError(program: command.program, code: fault) }
    }

    deinit {
        kill()
        close(output)
        close(errors)
    }

    /// Ends it and its group at once; nothing where it has ended.
    public func kill() {
        state.withLock { state in
            if let pid = state.pid { _ = Platform.kill(-pid, SIGKILL) }
        }
    }

    /// Waits until it has ended and is reaped; nil where the deadline comes first.
    public func wait(until deadline: Deadline) -> End? { state.wait(until: deadline, for: { $0.end }) }

    /// Its number as long as it runs.
    package var pid: pid_t? { state.withLock { $0.pid } }

    private static func pipe(holding bytes: CInt) -> (read: CInt, write: CInt)? {
        var ends: [CInt] = [-1, -1]
        guard vigil_pipe(&ends, bytes) == 0 else { return nil }
        return (ends[0], ends[1])
    }

    /// Returns 0, or what was wrong.
    private static func start(
        _ command: Command, _ descriptors: (input: CInt, output: CInt, errors: CInt), _ pid: inout pid_t
    ) -> CInt {
        withTerminated([command.program] + command.arguments) { arguments in
            withTerminated(environment) { environment in
                var child = vigil_child()
                child.program = UnsafePointer(arguments[0])
                child.arguments = arguments.baseAddress
                child.environment = environment.baseAddress
                (child.input, child.output, child.errors) = descriptors
                child.memory = UInt64(max(command.memory, 0))
                child.processor_seconds = UInt64(max(command.processorSeconds, 0))
                child.bounds =
                    (command.hasOwnNetwork ? CInt(VIGIL_CHILD_OWN_NETWORK) : 0)
                    | (command.isFiltered ? CInt(VIGIL_CHILD_FILTERED) : 0)
                return vigil_start_child(&child, &pid)
            }
        }
    }

    /// Texts as C has them, with a null pointer behind the last.
    private static func withTerminated<Result>(
        _ texts: [String], _ body: (UnsafeBufferPointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return (copies + [nil]).withUnsafeBufferPointer(body)
    }
}

/// A program that the system did not start.
public struct SubprocessError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Its path.
    public let program: String
    /// As errno has it.
    public let code: CInt

    package init(program: String, code: CInt) { (self.program, self.code) = (program, code) }

    /// `'/usr/bin/ffmpeg' can't be started: No such file or directory`
    public var description: String { "'\(program)' can't be started: \(errnoText(code))" }
}
