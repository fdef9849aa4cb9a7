/// A value that threads share, and the means to wait for it to change: a mutex and a condition variable.
///
/// It is for threads that may block. Tasks may use `withLock`, which holds the lock for a moment, but never `wait`.
///
/// Sound as `@unchecked Sendable`: `value` is read and written only between lock and unlock of `mutex`. Mutex and
/// condition live at fixed addresses from `init` to `deinit`, when nobody can be waiting, as a waiter holds a reference.
public final class Monitor<Value>: @unchecked Sendable {
    @usableFromInline var value: Value
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// Shares `value`.
    public init(_ value: Value) {
        self.value = value
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Reads or changes the value. Who changes what others wait for calls `wakeOne` or `wakeAll` afterwards.
    @inlinable
    public func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        lock()
        defer { unlock() }
        return body(&value)
    }

    /// Blocks the thread until `body` finds what it looks for.
    ///
    /// It looks before it waits, and between look and wait the lock is not let go, so that no change is missed.
    @inlinable
    public func wait<Found>(for body: (inout Value) -> Found?) -> Found {
        lock()
        defer { unlock() }
        while true {
            if let found = body(&value) { return found }
            waitUnlocked()
        }
    }

    /// Blocks the thread until `body` finds what it looks for, or the deadline has come; then `late` has the value.
    public func wait<Found>(
        until deadline: Deadline, for body: (inout Value) -> Found?, late: (inout Value) -> Void = { _ in }
    ) -> Found? {
        lock()
        defer { unlock() }
        var time = deadline.moment.systemTime
        while true {
            if let found = body(&value) { return found }
            guard pthread_cond_timedwait(condition, mutex, &time) == 0 else { break }
        }
        // What came as the time ended is there all the same.
        if let found = body(&value) { return found }
        late(&value)
        return nil
    }

    /// Makes one thread that waits look again: enough where all look for the same, and one can have it.
    public func wakeOne() {
        pthread_cond_signal(condition)
    }

    /// Makes every thread that waits look again.
    public func wakeAll() {
        pthread_cond_broadcast(condition)
    }

    @usableFromInline func lock() { pthread_mutex_lock(mutex) }

    @usableFromInline func unlock() { pthread_mutex_unlock(mutex) }

    /// Lets go of the lock until somebody wakes this thread.
    @usableFromInline func waitUnlocked() { pthread_cond_wait(condition, mutex) }
}

/// A value that one thread waits for, blocked, until a deadline, and another one gives.
public final class BlockingLatch<Value: Sendable>: Sendable {
    private let monitor = Monitor<(value: Value?, isAbandoned: Bool)>((nil, false))

    /// A latch without a value.
    public init() {}

    /// Gives the value.
    public func set(_ value: Value) {
        monitor.withLock { $0.value = value }
        monitor.wakeOne()
    }

    /// Whether nobody waits any more.
    public var isGivenUp: Bool { monitor.withLock { $0.isAbandoned } }

    /// Blocks the thread; nil where the deadline came first.
    public func wait(until deadline: Deadline) -> Value? {
        monitor.wait(until: deadline) {
            $0.value
        } late: {
            $0.isAbandoned = true
        }
    }
}
