#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A value that threads share, and the means to wait for it to change: a mutex and a condition variable.
///
/// It is for threads that may block. Tasks may use `withLock`, which holds the lock for a moment, but never `wait`.
///
/// Sound as `@unchecked Sendable`: `value` is read and written only between lock and unlock of `mutex`. Mutex and
/// condition live at fixed addresses from `init` to `deinit`, when nobody can be waiting, as a waiter holds a reference.
final class Monitor<Value>: @unchecked Sendable {
    private var value: Value
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init(_ value: Value) {
        self.value = value
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Reads or changes the value. Who changes what others wait for calls `wakeOne` or `wakeAll` afterwards.
    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&value)
    }

    /// Blocks the thread until `body` finds what it looks for.
    ///
    /// It looks before it waits, and between look and wait the lock is not let go, so that no change is missed.
    func wait<Found>(for body: (inout Value) -> Found?) -> Found {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let found = body(&value) { return found }
            pthread_cond_wait(condition, mutex)
        }
    }

    /// Makes one thread that waits look again: enough where all look for the same, and one can have it.
    func wakeOne() {
        pthread_cond_signal(condition)
    }

    /// Makes every thread that waits look again.
    func wakeAll() {
        pthread_cond_broadcast(condition)
    }
}
