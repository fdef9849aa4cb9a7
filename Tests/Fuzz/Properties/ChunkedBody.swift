@testable import HTTP

/// A chunked body: in pieces as at once, and its data as a second, plainer reader finds it.
func checkChunkedBody(_ input: UnsafeRawBufferPointer) {
    var limits = Limits()
    limits.maxTrailerBytes = 60
    limits.maxChunkExtensionBytes = 60
    let outcome = checkPieces(input) { input, pieces in
        read(pieces.map { piece in withExactCopy(of: input, piece) { Array($0) } }, limits)
    }
    var reader = PlainChunks(Array(input))
    let plain = reader.read()
    switch (outcome.end, plain) {
    case (let end?, let found?):
        require(outcome.data == found.data && end == found.end, "the data is \(found), not \(outcome)")
    case (_?, nil): require(false, "what is no chunked body is refused")
    case (nil, let found?): require(outcome.error != nil && found.isOverhead, "a plain chunked body is taken")
    case (nil, nil): break
    }
}

private struct ChunkedOutcome: Equatable {
    var data: [UInt8] = []
    /// Where the body ended, if it did.
    var end: Int?
    var error: BodyError?
}

private func read(_ pieces: [[UInt8]], _ limits: Limits) -> ChunkedOutcome {
    var parser = ChunkedBodyParser(limits: limits)
    var outcome = ChunkedOutcome()
    var before = 0
    for piece in pieces where outcome.end == nil {
        var position = 0
        do throws(BodyError) {
            while let element = try parser.next(piece.span, at: &position) {
                guard case .data(let range) = element else {
                    outcome.end = before + position
                    break
                }
                outcome.data += piece[range]
            }
        } catch {
            outcome.error = error
            return outcome
        }
        before += piece.count
    }
    return outcome
}

/// RFC 9112, 7.1 once more, over the whole body, with lines found first; it does not judge the insides of extensions
/// and trailers, and knows no limits.
private struct PlainChunks {
    struct Found {
        var data: [UInt8]
        var end: Int
        /// Whether extensions or trailers, or zeros in front of a size, are there to be refused.
        var isOverhead: Bool
    }

    private let bytes: [UInt8]
    private var at = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func read() -> Found? {
        var found = Found(data: [], end: 0, isOverhead: false)
        while let line = line() {
            let digits = line.prefix { Character(Unicode.Scalar($0)).isHexDigit }
            if digits.count != line.count || digits.count > 16 { found.isOverhead = true }
            guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16) else { return nil }
            guard digits.count == line.count || line[digits.endIndex] == 0x3B else { return nil }
            if size == 0 { return trailers(&found) }
            guard size <= bytes.count - at else { return nil }
            found.data += bytes[at..<at + size]
            at += size
            guard bytes[at...].starts(with: [0x0D, 0x0A]) else { return nil }
            at += 2
        }
        return nil
    }

    private mutating func trailers(_ found: inout Found) -> Found? {
        while let line = line() {
            if line.isEmpty {
                found.end = at
                return found
            }
            found.isOverhead = true
        }
        return nil
    }

    private mutating func line() -> ArraySlice<UInt8>? {
        var end = at
        while end + 1 < bytes.count {
            if bytes[end] == 0x0D, bytes[end + 1] == 0x0A {
                defer { at = end + 2 }
                return bytes[at..<end]
            }
            end += 1
        }
        return nil
    }
}
