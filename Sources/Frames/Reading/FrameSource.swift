/// Frames that come one after the other, of which only the next one is held.
public protocol FrameSource {
    /// What they come from, for a person: `PPM`, `.npy of [30, 240, 320, 3]`.
    var kind: String { get }
    /// How many there are, where that is known before they are read.
    var count: Int? { get }

    /// Puts the next frame in the place of one that is not needed any more, whose memory it may take.
    ///
    /// - Returns: false where there are no more
    mutating func next(into frame: inout Frame?) throws(FrameError) -> Bool
    /// Passes over the next frame, whose pixels nobody looks at. The frame that is given may be changed.
    ///
    /// - Returns: false where there are no more
    mutating func skip(in frame: inout Frame?) throws(FrameError) -> Bool
    /// When the frame that came last is shown, in seconds from the beginning, later than the one before; nil where the source
    /// knows no times.
    var seconds: Double? { get }
}

/// One frame of so many whose pixels are looked at: for a source that has an easier time with the others.
public struct FrameSelection: Equatable, Sendable {
    /// So many frames have one of them.
    public let every: Int
    /// Which one, from 0.
    public let place: Int

    /// A selection.
    public init(every: Int, place: Int) {
        precondition(every > 0 && (0..<every).contains(place), "the place is one of so many")
        (self.every, self.place) = (every, place)
    }

    /// Whether a frame of this number, from 0, is one of those.
    public func has(_ number: Int) -> Bool { number % every == place }
}

extension FrameSource {
    /// Reads it as any other.
    public mutating func skip(in frame: inout Frame?) throws(FrameError) -> Bool { try next(into: &frame) }
    /// No times are known.
    public var seconds: Double? { nil }
}

/// What raw bytes are frames of.
public struct FrameSize: Equatable, Sendable, CustomStringConvertible {
    /// Pixels a row.
    public let width: Int
    /// Rows.
    public let height: Int

    /// A size; nil where a side is out of bounds.
    public init?(width: Int, height: Int) {
        guard (1...Frame.longestSide).contains(width), (1...Frame.longestSide).contains(height) else { return nil }
        self.width = width
        self.height = height
    }

    /// Bytes of its pixels R G B.
    package var byteCount: Int { 3 * width * height }

    /// `640x360`.
    public var description: String { "\(width)x\(height)" }
}

/// Raw frames: 3 bytes a pixel, R G B by rows, nothing between them.
public struct RawFrames: FrameSource {
    private let source: ByteSource
    private let size: FrameSize
    private var index = 0

    /// Frames of one size; throws where the bytes are known to be no whole number of frames.
    public init(_ source: ByteSource, size: FrameSize) throws(FrameError) {
        self.source = source
        self.size = size
        let bytes = size.width * size.height * 3
        guard let remaining = source.remaining, !remaining.isMultiple(of: bytes) else { return }
        throw FrameError(
            .truncated,
            "\(remaining) bytes are no whole number of frames of \(size), of which each has \(bytes)")
    }

    /// What they come from.
    public var kind: String { "raw RGB of \(size)" }

    /// How many there are, where that is known.
    public var count: Int? { source.count.map { $0 / (size.width * size.height * 3) } }

    /// The next frame.
    public mutating func next(into frame: inout Frame?) throws(FrameError) -> Bool {
        guard try !source.peek(1).isEmpty else { return false }
        let expected = size.width * size.height * 3
        var found = 0
        frame = try Frame(size, inPlaceOf: &frame, isSure: source.remaining != nil) { _, bytes throws(FrameError) in
            let came = try source.fill(bytes)
            found += came
            guard came == bytes.count else {
                throw FrameError(
                    .truncated, "frame \(index) ends after \(found) of the \(expected) bytes that \(size) has")
            }
        }
        index += 1
        return true
    }
}
