import Synchronization

/// What a job says of itself in the coding of its kind: small, kept with the job, and given to whoever works on it or shows
/// it. Nobody else reads it.
///
/// The bytes may be made after the job was handed in, so that a job need not wait for what takes long to be found out; and
/// what they are made of goes with them, so that nobody has to read them where they were just made.
public final class JobSubject: Sendable {
    private enum State: Sendable {
        case known([UInt8])
        case unknown(@Sendable () -> [UInt8])
    }

    /// What the bytes are made of; nil where they were stored meanwhile.
    public let value: (any Sendable)?
    private let state: Mutex<State>

    /// A subject of these bytes.
    public init(_ bytes: [UInt8]) {
        value = nil
        state = Mutex(.known(bytes))
    }

    /// The subject of `value`. The first who asks for its bytes makes them, on its thread; `code` is called once and then let
    /// go.
    public init(of value: some Sendable, code: @escaping @Sendable () -> [UInt8]) {
        self.value = value
        state = Mutex(.unknown(code))
    }

    /// The bytes. Whoever asks while they are being made waits.
    public var bytes: [UInt8] {
        state.withLock { state in
            switch state {
            case .known(let bytes): return bytes
            case .unknown(let code):
                let bytes = code()
                state = .known(bytes)
                return bytes
            }
        }
    }
}

extension JobSubject: Equatable {
    /// Whether the bytes are the same.
    public static func == (left: JobSubject, right: JobSubject) -> Bool {
        left === right || left.bytes == right.bytes
    }
}
