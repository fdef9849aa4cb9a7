import Platform

/// Reads the chunked coding from bytes as they arrive (RFC 9112, 7.1).
///
/// Extensions and trailers are checked, counted against their limits, and dropped: a trailer never becomes a field.
struct ChunkedBodyParser: Sendable {
    /// What `next` has found.
    enum Element: Equatable {
        /// Bytes of the body, as a range of the input.
        case data(Range<Int>)
        /// The last chunk and the trailers have been read.
        case end
    }

    private enum State {
        case size, sizeEnd
        case beforeName, name, afterName, beforeValue, value, quoted, escaped, afterValue
        case data, dataEnd, dataLineEnd
        case trailerStart, trailerName, trailerValue, trailerLineEnd
        case bodyEnd, complete
    }

    /// The largest number of digits of a size, zeros in front included.
    private static let maxSizeDigits = 32

    private let limits: Limits
    private var state = State.size
    private var size = 0
    private var sizeDigits = 0
    private var extensionBytes = 0
    private var trailerBytes = 0

    init(limits: Limits) {
        self.limits = limits
    }

    /// Reads on from `position`, which is moved behind what was read.
    ///
    /// - Returns: the next piece of data, or the end; nil when the input is used up.
    mutating func next(_ input: Span<UInt8>, at position: inout Int) throws(BodyError) -> Element? {
        while position < input.count {
            switch state {
            case .data:
                let end = position + min(size, input.count - position)
                defer { position = end }
                size -= end - position
                if size == 0 { state = .dataEnd }
                return .data(position..<end)
            case .complete:
                return nil
            default:
                try read(input[position])
                position += 1
                if state == .complete { return .end }
            }
        }
        return nil
    }

    private mutating func read(_ byte: UInt8) throws(BodyError) {
        switch state {
        case .size: try readSize(byte)
        case .sizeEnd: try expect(ASCII.lineFeed, byte, then: size == 0 ? .trailerStart : .data)
        case .beforeName, .name, .afterName, .beforeValue, .value, .quoted, .escaped, .afterValue:
            try readExtension(byte)
        case .dataEnd: try expect(ASCII.carriageReturn, byte, then: .dataLineEnd)
        case .dataLineEnd:
            try expect(ASCII.lineFeed, byte, then: .size)
            sizeDigits = 0
        case .trailerStart, .trailerName, .trailerValue: try readTrailer(byte)
        case .trailerLineEnd: try expect(ASCII.lineFeed, byte, then: .trailerStart)
        case .bodyEnd: try expect(ASCII.lineFeed, byte, then: .complete)
        case .data, .complete: break
        }
    }

    private mutating func expect(_ wanted: UInt8, _ byte: UInt8, then next: State) throws(BodyError) {
        guard byte == wanted else {
            throw .malformedChunk("a size line, chunk or trailer does not end with CR LF")
        }
        state = next
    }

    private mutating func readSize(_ byte: UInt8) throws(BodyError) {
        if let digit = ASCII.hexValue(byte) {
            sizeDigits += 1
            guard sizeDigits <= Self.maxSizeDigits, size <= Int.max >> 4 else {
                throw .malformedChunk("a chunk size is over 2^63 - 1")
            }
            size = size << 4 | Int(digit)
        } else if sizeDigits == 0 {
            throw .malformedChunk("a chunk size does not begin with a hexadecimal digit")
        } else if byte == ASCII.carriageReturn {
            state = .sizeEnd
        } else if byte == ASCII.semicolon {
            state = .beforeName
        } else {
            throw .malformedChunk("a chunk size is followed by something else than ; or CR LF")
        }
    }
}

extension ChunkedBodyParser {
    private mutating func readExtension(_ byte: UInt8) throws(BodyError) {
        extensionBytes += 1
        guard extensionBytes <= limits.maxChunkExtensionBytes else {
            throw .malformedChunk("chunk extensions have more than \(limits.maxChunkExtensionBytes) bytes")
        }
        switch (state, byte) {
        case (.beforeName, _) where ASCII.isBlank(byte), (.afterName, _) where ASCII.isBlank(byte),
            (.beforeValue, _) where ASCII.isBlank(byte), (.afterValue, _) where ASCII.isBlank(byte):
            break
        case (.beforeName, _) where ByteSet.token.contains(byte): state = .name
        case (.name, _) where ByteSet.token.contains(byte): break
        case (.name, _) where ASCII.isBlank(byte): state = .afterName
        case (.name, ASCII.equals), (.afterName, ASCII.equals): state = .beforeValue
        case (.beforeValue, ASCII.quote): state = .quoted
        case (.beforeValue, _) where ByteSet.token.contains(byte): state = .value
        case (.value, _) where ByteSet.token.contains(byte): break
        case (.value, _) where ASCII.isBlank(byte): state = .afterValue
        case (.quoted, ASCII.quote): state = .afterValue
        case (.quoted, ASCII.backslash): state = .escaped
        case (.quoted, _) where ByteSet.quotedText.contains(byte): break
        case (.escaped, _) where ByteSet.fieldValue.contains(byte): state = .quoted
        case (.name, ASCII.semicolon), (.afterName, ASCII.semicolon), (.value, ASCII.semicolon),
            (.afterValue, ASCII.semicolon):
            state = .beforeName
        case (.name, ASCII.carriageReturn), (.value, ASCII.carriageReturn), (.afterValue, ASCII.carriageReturn):
            state = .sizeEnd
        default:
            throw .malformedChunk("a chunk extension is not ;name or ;name=value")
        }
    }

    private mutating func readTrailer(_ byte: UInt8) throws(BodyError) {
        trailerBytes += 1
        guard trailerBytes <= limits.maxTrailerBytes else {
            throw .malformedChunk("trailers have more than \(limits.maxTrailerBytes) bytes")
        }
        switch (state, byte) {
        case (.trailerStart, ASCII.carriageReturn): state = .bodyEnd
        case (.trailerStart, _) where ByteSet.token.contains(byte): state = .trailerName
        case (.trailerName, _) where ByteSet.token.contains(byte): break
        case (.trailerName, ASCII.colon): state = .trailerValue
        case (.trailerValue, ASCII.carriageReturn): state = .trailerLineEnd
        case (.trailerValue, _) where ByteSet.fieldValue.contains(byte): break
        default: throw .malformedChunk("a trailer is not a field line")
        }
    }
}
