import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A value that one thread waits for, until a deadline, and another one gives.
///
/// Sound as `@unchecked Sendable`: `value` and `isAbandoned` are touched only between lock and unlock of `mutex`. Mutex
/// and condition live at fixed addresses from `init` to `deinit`, when nobody can be waiting, as a waiter holds a
/// reference.
final class Latch<Value: Sendable>: @unchecked Sendable {
    private var value: Value?
    private var isAbandoned = false
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
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

    /// Gives the value.
    func set(_ value: Value) {
        locked { self.value = value }
        pthread_cond_signal(condition)
    }

    /// Whether nobody waits any more.
    var isGivenUp: Bool { locked { isAbandoned } }

    /// Blocks the thread; nil where the deadline came first.
    func wait(until deadline: Deadline) -> Value? {
        locked {
            var time = deadline.absoluteTime
            while value == nil {
                if pthread_cond_timedwait(condition, mutex, &time) != 0 { break }
            }
            isAbandoned = value == nil
            return value
        }
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}
