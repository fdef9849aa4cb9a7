import Synchronization

/// The context that new handshakes get, which other files may replace while connections go on with theirs.
public final class TLSCredentials: Sendable {
    private struct State {
        var context: TLSContext
        /// The files as they were when they were last read, with success or not.
        var read: [FileStamp?]
        /// The files as the last look at them found them.
        var seen: [FileStamp?]
    }

    /// The files.
    public let configuration: TLSConfiguration
    private let state: Mutex<State>

    /// Reads the files.
    public init(_ configuration: TLSConfiguration) throws(TLSError) {
        self.configuration = configuration
        let stamps = configuration.paths.map { FileStamp($0) }
        let context = try TLSContext(configuration)
        state = Mutex(State(context: context, read: stamps, seen: stamps))
    }

    /// What new handshakes are made with.
    public var context: TLSContext { state.withLock { $0.context } }

    /// Reads the files again, whether they have changed or not. If they can't be used all stays as it was.
    @discardableResult
    public func reload() throws(TLSError) -> CertificateSummary {
        let stamps = configuration.paths.map { FileStamp($0) }
        state.withLock {
            $0.read = stamps
            $0.seen = stamps
        }
        let context = try TLSContext(configuration)
        state.withLock { $0.context = context }
        return context.certificate
    }

    /// To be called every few seconds: reads the files again once they have changed and then stood still from one call
    /// to the next, since certificate and key are rarely replaced in the same instant.
    ///
    /// - Returns: the new certificate; nil where nothing was read.
    public func reloadIfChanged() throws(TLSError) -> CertificateSummary? {
        let stamps = configuration.paths.map { FileStamp($0) }
        let isDue = state.withLock { state in
            let stoodStill = stamps == state.seen
            state.seen = stamps
            return stoodStill && stamps != state.read
        }
        return isDue ? try reload() : nil
    }
}
