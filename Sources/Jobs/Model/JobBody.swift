import Synchronization

/// The bytes that a job is about, held as what they came as, so that handing them on copies nothing.
public struct JobBody: Sendable {
    private enum Held: Sendable {
        case bytes([UInt8])
        case floats([Float])
    }

    private let held: Held

    /// A body of these bytes.
    public init(_ bytes: [UInt8]) { held = .bytes(bytes) }

    /// A body of the bytes that these numbers are in memory.
    public init(_ floats: [Float]) { held = .floats(floats) }

    /// How many bytes there are.
    public var count: Int {
        switch held {
        case .bytes(let bytes): bytes.count
        case .floats(let floats): floats.count * MemoryLayout<Float>.size
        }
    }

    /// The numbers that the body came as; nil where it came as bytes. Nothing is copied.
    public var floats: [Float]? {
        guard case .floats(let floats) = held else { return nil }
        return floats
    }

    /// Some of the bytes; those that there are not are left out.
    public func bytes(in range: Range<Int>) -> [UInt8] {
        withUnsafeBytes { Array($0[range.clamped(to: 0..<$0.count)]) }
    }

    /// All of the bytes, valid during the call.
    public func withUnsafeBytes<Value>(_ body: (UnsafeRawBufferPointer) throws -> Value) rethrows -> Value {
        switch held {
        case .bytes(let bytes): try bytes.withUnsafeBytes(body)
        case .floats(let floats): try floats.withUnsafeBytes(body)
        }
    }
}

extension JobBody: Equatable {
    /// Whether the bytes are the same, whatever they came as.
    public static func == (left: JobBody, right: JobBody) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { left.elementsEqual($0) } }
    }
}

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
