/// Goes on as soon as `condition` holds, or the test was ended by its time limit.
public func waitUntil(_ condition: () async throws -> Bool) async rethrows {
    while try await !condition(), !Task.isCancelled { await Task.yield() }
}
