import UnixSignals

/// Files that are read again while the server runs.
enum Reloading {
    /// Looks for changes, and reads on SIGHUP, until the task is cancelled.
    ///
    /// - Parameters:
    ///   - watch: looks every few seconds until it is cancelled
    ///   - reload: reads at once
    static func run(
        watch: @escaping @Sendable () async -> Void, onSignal reload: @escaping @Sendable () -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await watch() }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sighup) { reload() }
            }
        }
    }
}
