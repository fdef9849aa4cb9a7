import Synchronization

/// Values that take long to make: each is made once for all who want it at the same time, and is there for as long as one
/// of them holds it. Nothing is kept for those who may come.
package final class SharedMaking<Key: Hashable & Sendable, Value: AnyObject & Sendable>: Sendable {
    private struct Making {
        /// Tells this making of a key from the one that follows where nobody had waited for it any more.
        let number: Int
        let task: Task<Void, Never>
        var waiting: [Int: CheckedContinuation<Result<Value, any Error>, Never>] = [:]
    }

    private struct Made {
        weak var value: Value?
    }

    private struct State {
        var made: [Key: Made] = [:]
        var making: [Key: Making] = [:]
        var last = 0
    }

    private let state = Mutex(State())

    /// Nothing is made yet.
    package init() {}

    /// The value of a key, made by `make` where it is not there and nobody is at it.
    ///
    /// - Throws: what `make` does, to all who wait for it; `CancellationError` where the task is cancelled, at once. What
    ///   nobody waits for any more is cancelled itself.
    package func value(of key: Key, make: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let ticket = state.withLock { state in
            state.last += 1
            return state.last
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { join(key, ticket, $0, make) }
        } onCancel: {
            leave(key, ticket)
        }
        return try result.get()
    }

    private func join(
        _ key: Key, _ ticket: Int, _ continuation: CheckedContinuation<Result<Value, any Error>, Never>,
        _ make: @escaping @Sendable () async throws -> Value
    ) {
        let known = state.withLock { state -> Result<Value, any Error>? in
            // A cancellation before this moment found nobody to tell; one after it finds this ticket.
            if Task.isCancelled { return .failure(CancellationError()) }
            if let value = state.made[key]?.value { return .success(value) }
            if state.making[key] == nil {
                // Its ticket is its number: of those who wait only one has begun it.
                state.making[key] = Making(
                    number: ticket,
                    task: Task {
                        let result: Result<Value, any Error>
                        do { result = .success(try await make()) } catch { result = .failure(error) }
                        self.end(key, number: ticket, with: result)
                    })
            }
            state.making[key]?.waiting[ticket] = continuation
            return nil
        }
        if let known { continuation.resume(returning: known) }
    }

    private func leave(_ key: Key, _ ticket: Int) {
        let (continuation, task) = state.withLock { state in
            let continuation = state.making[key]?.waiting.removeValue(forKey: ticket)
            guard continuation != nil, state.making[key]?.waiting.isEmpty == true else {
                return (continuation, nil as Task<Void, Never>?)
            }
            return (continuation, state.making.removeValue(forKey: key)?.task)
        }
        task?.cancel()
        continuation?.resume(returning: .failure(CancellationError()))
    }

    private func end(_ key: Key, number: Int, with result: Result<Value, any Error>) {
        let waiting = state.withLock { state -> [CheckedContinuation<Result<Value, any Error>, Never>] in
            guard let making = state.making[key], making.number == number else { return [] }
            state.making[key] = nil
            state.made = state.made.filter { $0.value.value != nil }
            if case .success(let value) = result { state.made[key] = Made(value: value) }
            return Array(making.waiting.values)
        }
        for continuation in waiting { continuation.resume(returning: result) }
    }
}
