import Synchronization

/// What came of looking at files again.
public enum Rereading: Sendable {
    /// They were read, and count.
    case read
    /// They are what they were, and were not read.
    case unchanged
    /// They can't be used, and what was read before stays.
    case kept
}

/// What a file, or a few that belong together, said when it was last good. It can be read again while the process runs.
public final class ReloadedFile<Value: Sendable, Failure: Error>: Sendable {
    private let read: @Sendable () throws(Failure) -> Value
    private let value: Mutex<Value>
    /// Of two who read at the same time the later one has the last word.
    private let turn = Mutex(())

    /// Reads for the first time; throws where what is there can't be used.
    public init(reading read: @escaping @Sendable () throws(Failure) -> Value) throws(Failure) {
        self.read = read
        value = Mutex(try read())
    }

    /// Begins with what was read already.
    public init(from first: Value, reading read: @escaping @Sendable () throws(Failure) -> Value) {
        self.read = read
        value = Mutex(first)
    }

    /// What counts now.
    public var current: Value { value.withLock { $0 } }

    /// Reads again. What can't be used changes nothing: a typing error must not lock everyone out, nor let anyone in.
    ///
    /// - Returns: what counts now
    @discardableResult
    public func reload() throws(Failure) -> Value {
        try turn.withLock { _ throws(Failure) in
            let new = try read()
            value.withLock { $0 = new }
            return new
        }
    }
}
