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
