import Platform

/// Taking a folder for oneself.
extension StateFolder {
    /// Who has the lock.
    enum Holder {
        /// Who only reads, and ends by itself.
        case reader
        case other
        /// Nobody: the file system does not lock this.
        case lockless(reason: String)

        /// Whether there is a process of that number: one that has only just the lock has not written its own.
        private static func isThere(_ pid: Int) -> Bool {
            guard let pid = pid_t(exactly: pid), pid > 0 else { return false }
            return kill(pid, 0) == 0 || errno == EPERM
        }

        /// Why the folder can't be had.
        ///
        /// - Parameter pid: whose number its file has; a reader writes none there
        func error(_ folder: String, pid: Int?) -> StateError {
            switch self {
            case .reader: .beingRead(folder: folder)
            case .other: .inUse(folder: folder, pid: pid.flatMap { Self.isThere($0) ? $0 : nil })
            case .lockless(let reason): .unusable(path: StatePlaces(folder: folder).lock, reason: reason)
            }
        }
    }

    /// How long readers are waited for, in all.
    struct Pause {
        private static let step: UInt32 = 50_000

        private let end: ContinuousClock.Instant
        private let waiting: () -> Void
        private var hasBegun = false

        init(patience: Duration, _ waiting: @escaping () -> Void) {
            end = .now + patience
            self.waiting = waiting
        }

        /// Waits a moment; false where that was long enough.
        mutating func wait() -> Bool {
            guard ContinuousClock.now < end else { return false }
            if !hasBegun { waiting() }
            hasBegun = true
            usleep(Self.step)
            return true
        }
    }

    /// Takes a lock; nil once it is had.
    static func take(_ descriptor: Int32, _ pause: inout Pause) -> Holder? {
        while true {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return nil }
            guard errno == EWOULDBLOCK else { return .lockless(reason: errnoText(errno)) }
            // Readers share it.
            guard flock(descriptor, LOCK_SH | LOCK_NB) == 0 else { return .other }
            flock(descriptor, LOCK_UN)
            guard pause.wait() else { return .reader }
        }
    }
}
