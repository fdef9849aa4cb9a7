public import Platform

/// The context that new handshakes get, which other files may replace while connections go on with theirs.
public typealias TLSCredentials = ReloadedFile<TLSContext, TLSError>

extension ReloadedFile where Value == TLSContext, Failure == TLSError {
    /// Reads the files.
    public convenience init(_ configuration: TLSConfiguration) throws(TLSError) {
        try self.init { () throws(TLSError) in try TLSContext(configuration) }
    }

    /// What new handshakes are made with.
    public var context: TLSContext { current }
}
