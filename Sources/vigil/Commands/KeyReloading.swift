import Service
import UnixSignals

/// Keeps the API keys as their file has them: read again on SIGHUP, and when the file has changed.
enum KeyReloading {
    /// Begins; the task is to be cancelled at the end. Without a file there is nothing to do.
    static func start(_ keys: APIKeyFile?) -> Task<Void, Never>? {
        guard let keys else { return nil }
        return Task {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await keys.watch() }
                group.addTask {
                    for await _ in await UnixSignalsSequence(trapping: .sighup) { keys.reload() }
                }
            }
        }
    }
}
