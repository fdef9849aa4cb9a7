import CLinux
import Platform

/// Watches many descriptors by one, which a Dispatch source can wait for in turn.
///
/// A Dispatch source a socket would do as well, but on Linux each of its events passes through libdispatch's manager
/// thread and is armed again from there. Here one such turn serves all sockets that are ready.
struct Poller: ~Copyable {
    /// What a descriptor is ready for.
    struct Readiness: OptionSet {
        let rawValue: UInt32
        static let input = Readiness(rawValue: EPOLLIN.rawValue)
        static let output = Readiness(rawValue: EPOLLOUT.rawValue)
        /// Both directions are over, or the connection has failed. Reported whether asked for or not.
        static let lost = Readiness(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue)
    }

    /// How many events one call brings.
    private static let eventsPerCall = 256

    let descriptor: Int32
    private var events = [epoll_event](repeating: epoll_event(), count: Self.eventsPerCall)

    init() throws(PollerError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw PollerError(call: "epoll_create1", code: errno) }
    }

    deinit {
        close(descriptor)
    }

    /// Begins to watch; `token` comes back with each event.
    borrowing func add(_ watched: Int32, _ interest: Readiness, token: UInt64) -> Bool {
        control(EPOLL_CTL_ADD, watched, interest, token)
    }

    /// Watches for something else.
    borrowing func change(_ watched: Int32, _ interest: Readiness, token: UInt64) {
        _ = control(EPOLL_CTL_MOD, watched, interest, token)
    }

    private borrowing func control(_ call: Int32, _ watched: Int32, _ interest: Readiness, _ token: UInt64) -> Bool {
        var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: token))
        return epoll_ctl(descriptor, call, watched, &event) == 0
    }

    /// Looks what is ready, without waiting.
    ///
    /// - Returns: how many events `event(at:)` then gives.
    mutating func poll() -> Int {
        let count = epoll_wait(descriptor, &events, Int32(Self.eventsPerCall), 0)
        return max(0, Int(count))
    }

    /// One of the events of the last `poll`.
    borrowing func event(at index: Int) -> (token: UInt64, readiness: Readiness) {
        (events[index].data.u64, Readiness(rawValue: events[index].events))
    }
}

/// A descriptor for watching others could not be had.
struct PollerError: Error {
    let call: String
    let code: Int32
}
