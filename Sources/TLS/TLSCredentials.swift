import Synchronization

/// The context that new handshakes get, which other files may replace while connections go on with theirs.
public final class TLSCredentials: Sendable {
    /// The files.
    public let configuration: TLSConfiguration
    private let current: Mutex<TLSContext>

    /// Reads the files.
    public init(_ configuration: TLSConfiguration) throws(TLSError) {
        self.configuration = configuration
        current = Mutex(try TLSContext(configuration))
    }

    /// What new handshakes are made with.
    public var context: TLSContext { current.withLock { $0 } }

    /// Reads the files again. If they can't be used all stays as it was.
    @discardableResult
    public func reload() throws(TLSError) -> CertificateSummary {
        let context = try TLSContext(configuration)
        current.withLock { $0 = context }
        return context.certificate
    }
}
