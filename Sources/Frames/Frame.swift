import Platform

/// One picture of a video: bytes R G B by rows.
///
/// A value: whoever changes the pixels of a frame that others hold too gets bytes of his own.
public struct Frame: Sendable {
    /// The most pixels on a side.
    public static let longestSide = 16_384

    /// Pixels a row.
    public let width: Int
    /// Rows.
    public let height: Int
    private var pixels: Pixels

    /// A frame whose bytes are to be written; throws where a side is out of bounds, or there is no room.
    public init(width: Int, height: Int) throws(FrameError) {
        guard (1...Self.longestSide).contains(width), (1...Self.longestSide).contains(height) else {
            throw FrameError(
                .tooLarge, "\(width)x\(height) pixels: expected 1 to \(Self.longestSide) on a side")
        }
        guard let pixels = Pixels(count: width * height * 3) else {
            throw FrameError(.tooLarge, "there is no memory for \(width)x\(height) pixels")
        }
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// A frame of these bytes, of which there are width × height × 3.
    public init(width: Int, height: Int, bytes: [UInt8]) throws(FrameError) {
        try self.init(width: width, height: height)
        guard bytes.count == byteCount else {
            throw FrameError(.truncated, "\(bytes.count) bytes for \(width)x\(height) pixels: expected \(byteCount)")
        }
        bytes.withUnsafeBytes { pixels.bytes.copyMemory(from: $0) }
    }

    /// A frame whose bytes come a few rows at a time, and memory with them unless it is sure that all will come.
    ///
    /// - Parameters:
    ///   - old: a frame that is not needed any more, whose memory it may take
    ///   - isSure: whether as many bytes are known to be there
    ///   - write: fills the bytes of some rows
    package init(
        _ size: FrameSize, inPlaceOf old: inout Frame?, isSure: Bool,
        by write: (Range<Int>, UnsafeMutableRawBufferPointer) throws(FrameError) -> Void
    ) throws(FrameError) {
        let row = 3 * size.width
        let step = max(1, Self.atOnce / row)
        if let known = old.take(), known.width == size.width, known.height == size.height {
            self = consume known
            if !isKnownUniquelyReferenced(&pixels) { pixels = try Self.memory(byteCount, of: size) }
        } else {
            width = size.width
            height = size.height
            pixels = try Self.memory(isSure ? row * size.height : row * min(step, size.height), of: size)
        }
        for top in stride(from: 0, to: height, by: step) {
            let rows = top..<min(top + step, height)
            if pixels.bytes.count < rows.upperBound * row {
                let wanted = min(max(2 * pixels.bytes.count, rows.upperBound * row), byteCount)
                guard pixels.grow(to: wanted) else { throw Self.noMemory(for: size) }
            }
            try write(
                rows,
                UnsafeMutableRawBufferPointer(rebasing: pixels.bytes[rows.lowerBound * row..<rows.upperBound * row]))
        }
    }

    /// Bytes that are read into memory that may not be needed.
    private static let atOnce = 4 << 20

    private static func memory(_ count: Int, of size: FrameSize) throws(FrameError) -> Pixels {
        guard let pixels = Pixels(count: count) else { throw noMemory(for: size) }
        return pixels
    }

    private static func noMemory(for size: FrameSize) -> FrameError {
        FrameError(.tooLarge, "there is no memory for \(size) pixels")
    }

    /// Bytes of all pixels.
    public var byteCount: Int { width * height * 3 }

    /// The bytes, valid during the call.
    public func withUnsafeBytes<R, E>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try withExtendedLifetime(pixels) { () throws(E) -> R in try body(UnsafeRawBufferPointer(pixels.bytes)) }
    }

    /// The bytes, to be written.
    public mutating func withUnsafeMutableBytes<R>(
        _ body: (UnsafeMutableRawBufferPointer) throws(FrameError) -> R
    ) throws(FrameError) -> R {
        if !isKnownUniquelyReferenced(&pixels) {
            guard let own = Pixels(count: byteCount) else {
                throw FrameError(.tooLarge, "there is no memory for \(width)x\(height) pixels")
            }
            own.bytes.copyMemory(from: UnsafeRawBufferPointer(pixels.bytes))
            pixels = own
        }
        let pixels = pixels
        return try withExtendedLifetime(pixels) { () throws(FrameError) -> R in try body(pixels.bytes) }
    }
}

/// The memory of a frame.
///
/// Sound as `@unchecked Sendable`: a frame writes to it only while it holds the one reference to it.
private final class Pixels: @unchecked Sendable {
    private(set) var bytes: UnsafeMutableRawBufferPointer

    /// Nil where the system has no room.
    init?(count: Int) {
        guard let start = malloc(count) else { return nil }
        bytes = UnsafeMutableRawBufferPointer(start: start, count: count)
    }

    /// Takes more memory, what is there stays; false where the system has no room.
    func grow(to count: Int) -> Bool {
        guard let start = realloc(bytes.baseAddress, count) else { return false }
        bytes = UnsafeMutableRawBufferPointer(start: start, count: count)
        return true
    }

    deinit { free(bytes.baseAddress) }
}

/// What is wrong with frames.
public struct FrameError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of fault it is.
    public enum Kind: Equatable, Sendable {
        /// It is not what it says it is.
        case malformed
        /// It ends too early.
        case truncated
        /// More than is taken.
        case tooLarge
        /// Something that is not read here.
        case unsupported
        /// The system could not read.
        case unreadable
        /// What reads it was ended from outside: the next time it may be read.
        case interrupted
    }

    /// What kind of fault it is.
    public let kind: Kind
    /// What was found and what was expected.
    public let reason: String

    /// A fault, described.
    public init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    /// The reason.
    public var description: String { reason }
}
