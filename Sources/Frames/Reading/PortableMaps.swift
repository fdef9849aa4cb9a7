import Platform

/// Frames of PPM (P6) and PGM (P5) images, one behind the other; grey ones become R = G = B, and samples of any depth become
/// bytes, rounded.
public struct PortableMaps: FrameSource {
    private let source: ByteSource
    private var index = 0

    /// The images of a source.
    public init(_ source: ByteSource) { self.source = source }

    /// What they come from.
    public var kind: String { "PPM" }

    /// Not known before the last one is read.
    public var count: Int? { nil }

    /// Whether bytes begin as an image of the family does, of those that are not read too.
    public static func isMap(front: some Collection<UInt8>) -> Bool {
        let front = Array(front.prefix(3))
        return front.count == 3 && front[0] == UInt8(ascii: "P")
            && (UInt8(ascii: "1")...UInt8(ascii: "7")).contains(front[1]) && (isBlank(front[2]) || front[2] == hash)
    }

    /// The next image.
    public mutating func next(into frame: inout Frame?) throws(FrameError) -> Bool {
        guard try !source.peek(1).isEmpty else { return false }
        do throws(FrameError) {
            let header = try header()
            frame = try pixels(header, in: &frame)
        } catch {
            throw FrameError(error.kind, "frame \(index): \(error.reason)")
        }
        index += 1
        return true
    }

    private struct Header {
        let isGrey: Bool
        let size: FrameSize
        let largest: Int

        /// Bytes of a row.
        var rowBytes: Int { size.width * (isGrey ? 1 : 3) * (largest > 255 ? 2 : 1) }
    }

    private static let hash = UInt8(ascii: "#")
    /// Bytes that a header may have with its comments.
    private static let longestHeader = 1 << 14

    private static func isBlank(_ byte: UInt8) -> Bool { byte == ASCII.space || (0x09...0x0D).contains(byte) }

    private func header() throws(FrameError) -> Header {
        let start = source.taken
        let mark = Array(try source.peek(3))
        let isGrey = mark.starts(with: "P5".utf8)
        guard isGrey || mark.starts(with: "P6".utf8), mark.count == 3, Self.isBlank(mark[2]) || mark[2] == Self.hash
        else {
            throw notAMap(mark, at: start)
        }
        _ = try source.next()
        _ = try source.next()
        let width = try number("width", 1...Frame.longestSide, from: start)
        let height = try number("height", 1...Frame.longestSide, from: start)
        let largest = try number("maxval", 1...65_535, from: start)
        guard let size = FrameSize(width: width, height: height) else {
            throw FrameError(.tooLarge, "\(width)x\(height) pixels")
        }
        let header = Header(isGrey: isGrey, size: size, largest: largest)
        let bytes = header.rowBytes * height
        if let remaining = source.remaining, remaining < bytes {
            throw FrameError(
                .truncated, "the file ends after \(remaining) of the \(bytes) bytes that \(size) pixels have")
        }
        return header
    }

    private func notAMap(_ mark: [UInt8], at place: Int) -> FrameError {
        if mark.starts(with: "P3".utf8) || mark.starts(with: "P2".utf8) {
            return FrameError(
                .unsupported, "it is a PPM or PGM in text (P3, P2): write it in binary (P6, P5), as by pnmtopnm")
        }
        if Self.isMap(front: mark) {
            return FrameError(
                .unsupported,
                "it is a P\(String(decoding: mark[1..<2], as: UTF8.self)) image: expected P6 (colours) or P5 (grey)")
        }
        return FrameError(
            .malformed,
            index == 0
                ? "it does not begin with P6 or P5" : "P6 or P5 was expected at byte \(place), behind the last image")
    }

    /// A number behind blanks and comments, with the one blank that ends it.
    private func number(_ name: String, _ range: ClosedRange<Int>, from start: Int) throws(FrameError) -> Int {
        var byte = try part(of: name, from: start)
        guard Self.isBlank(byte) || byte == Self.hash || ASCII.isDigit(byte) else {
            throw FrameError(.malformed, "its header has byte \(byte) where the \(name) was expected")
        }
        while !ASCII.isDigit(byte) {
            if byte == Self.hash {
                while byte != ASCII.lineFeed, byte != ASCII.carriageReturn { byte = try part(of: name, from: start) }
            } else if !Self.isBlank(byte) {
                throw FrameError(.malformed, "its header has byte \(byte) where the \(name) was expected")
            }
            byte = try part(of: name, from: start)
        }
        var value = 0
        while ASCII.isDigit(byte) {
            value = min(value * 10 + Int(byte - ASCII.zero), 1 << 40)
            byte = try part(of: name, from: start)
        }
        guard Self.isBlank(byte) else {
            throw FrameError(.malformed, "its header has byte \(byte) behind the \(name): expected a blank")
        }
        guard range.contains(value) else {
            throw FrameError(
                value > range.upperBound ? .tooLarge : .malformed,
                "its \(name) is \(value): expected \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private func part(of name: String, from start: Int) throws(FrameError) -> UInt8 {
        guard source.taken - start < Self.longestHeader else {
            throw FrameError(.malformed, "its header is longer than \(Self.longestHeader) bytes")
        }
        guard let byte = try source.next() else {
            throw FrameError(.truncated, "the file ends in its header, before the \(name) is told")
        }
        return byte
    }

    private func pixels(_ header: Header, in frame: inout Frame?) throws(FrameError) -> Frame {
        let isPlain = !header.isGrey && header.largest == 255
        var row = [UInt8](repeating: 0, count: isPlain ? 0 : header.rowBytes)
        return try Frame(header.size, inPlaceOf: &frame, isSure: source.remaining != nil) {
            rows, pixels throws(FrameError) in
            if isPlain { return try fill(pixels, before: header) }
            let length = pixels.count / rows.count
            for index in 0..<rows.count {
                try row.withUnsafeMutableBufferPointer { bytes throws(FrameError) in
                    try fill(UnsafeMutableRawBufferPointer(bytes), before: header)
                }
                let target = UnsafeMutableRawBufferPointer(rebasing: pixels[index * length..<(index + 1) * length])
                try Samples.write(row, largest: header.largest, isGrey: header.isGrey, to: target)
            }
        }
    }

    private func fill(_ bytes: UnsafeMutableRawBufferPointer, before header: Header) throws(FrameError) {
        let found = try source.fill(bytes)
        guard found == bytes.count else {
            throw FrameError(.truncated, "the file ends before the last of its \(header.size) pixels")
        }
    }
}

/// Samples of a row, as an image file has them, made bytes of pixels.
enum Samples {
    /// - Parameters:
    ///   - row: samples of one byte, or where `largest` is above 255 of two, the upper one first
    ///   - target: three bytes a pixel
    static func write(
        _ row: [UInt8], largest: Int, isGrey: Bool, to target: UnsafeMutableRawBufferPointer
    ) throws(FrameError) {
        let isWide = largest > 255
        let count = isWide ? row.count / 2 : row.count
        for index in 0..<count {
            let sample = isWide ? Int(row[2 * index]) << 8 | Int(row[2 * index + 1]) : Int(row[index])
            guard sample <= largest else {
                throw FrameError(.malformed, "a sample is \(sample), above its maxval \(largest)")
            }
            let byte = largest == 255 ? UInt8(sample) : UInt8((sample * 255 + largest / 2) / largest)
            if isGrey {
                for channel in 0..<3 { target[3 * index + channel] = byte }
            } else {
                target[index] = byte
            }
        }
    }
}
