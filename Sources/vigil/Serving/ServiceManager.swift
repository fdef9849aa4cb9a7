import Jobs
import Logging
import Platform
import Synchronization

/// Who started this process and wants to be told how it fares, as systemd does (`sd_notify(3)`).
struct ServiceManager: Sendable {
    /// What it can be told.
    enum Notice: Equatable {
        case ready
        /// Files are being read again; `ready` follows.
        case reloading(at: MonotonicTime)
        case stopping
        /// The process can do its work.
        case alive

        /// The message as the protocol has it.
        var message: String {
            switch self {
            case .ready: "READY=1"
            case .reloading(let time): "RELOADING=1\nMONOTONIC_USEC=\(time.nanoseconds / 1_000)"
            case .stopping: "STOPPING=1"
            case .alive: "WATCHDOG=1"
            }
        }
    }

    /// How far the process has come, as it was told.
    private final class Phase: Sendable {
        enum Step { case beginning, ready, leaving }

        let step = Mutex(Step.beginning)
    }

    /// A path, or `@NAME` for a name in the kernel.
    let place: String
    /// How long it waits for `alive` before it ends the process; nil where it does not.
    let watchdog: Duration?
    private let logger: Logger
    private let phase = Phase()

    /// Nil where nobody wants to be told.
    init?(
        environment: (String) -> String? = { getenv($0).map { String(cString: $0) } }, process: pid_t = getpid(),
        logger: Logger
    ) {
        guard let place = environment("NOTIFY_SOCKET"), let first = place.utf8.first, "/@".utf8.contains(first) else {
            return nil
        }
        self.place = place
        self.logger = logger
        let owner = environment("WATCHDOG_PID").map { pid_t($0) == process } ?? true
        let interval = environment("WATCHDOG_USEC").flatMap { Int64($0) }.flatMap { $0 > 0 ? $0 : nil }
        watchdog = owner ? interval.map { .microseconds($0) } : nil
    }

    /// Tells it; the log is told where that can't be.
    func tell(_ notice: Notice) {
        phase.step.withLock { step in
            if notice == .ready { step = .ready }
            if notice == .stopping { step = .leaving }
            send(notice)
        }
    }

    /// Tells of files that are read again, and that it is over; of neither before the process is ready or once it leaves.
    func tell(ofReading read: () async -> Void) async {
        let isTold = phase.step.withLock { step in
            guard step == .ready else { return false }
            send(.reloading(at: .now))
            return true
        }
        await read()
        guard isTold else { return }
        phase.step.withLock { if $0 == .ready { send(.ready) } }
    }

    private func send(_ notice: Notice) {
        guard !UnixDatagram.send(Array(notice.message.utf8), to: place) else { return }
        logger.warning(
            "who started this process can't be told how it fares",
            metadata: ["socket": "\(place)", "error": "\(errnoText(errno))"])
    }

    /// Says twice in its time that the process is alive, for as long as it is and the task is not cancelled.
    func attest(by clock: some JobClock = SystemClock(), while isAlive: () -> Bool) async {
        guard let watchdog else { return }
        await clock.every(watchdog / 2) { if isAlive() { tell(.alive) } }
    }
}
