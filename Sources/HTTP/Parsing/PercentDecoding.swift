import Platform

/// Percent-decoding of the parts of a target (RFC 3986, 2.1), done exactly once.
enum PercentDecoding {
    /// What of a target is decoded; the parts differ in what they may come to hold.
    enum Part: String {
        case path
        case query
    }

    /// Decodes into valid UTF-8 without control characters.
    ///
    /// A decoded slash in a path is refused, since it would make one segment into two; `+` is a space in a query.
    static func decode(_ bytes: ArraySlice<UInt8>, as part: Part) throws(HTTPProblem) -> String {
        let isPlain = !bytes.contains { $0 == ASCII.percent || (part == .query && $0 == ASCII.plus) }
        if isPlain { return String(decoding: bytes, as: UTF8.self) }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == ASCII.percent {
                decoded.append(try escape(bytes, at: index, in: part))
                index += 3
            } else {
                decoded.append(part == .query && byte == ASCII.plus ? ASCII.space : byte)
                index += 1
            }
        }
        guard let string = String(validating: decoded, as: UTF8.self) else {
            throw .invalidTarget("The \(part.rawValue) is not UTF-8 once its percent signs are decoded.")
        }
        return string
    }

    private static func escape(
        _ bytes: ArraySlice<UInt8>, at index: Int, in part: Part
    ) throws(HTTPProblem) -> UInt8 {
        guard index + 2 < bytes.endIndex,
            let high = ASCII.hexValue(bytes[index + 1]), let low = ASCII.hexValue(bytes[index + 2])
        else {
            throw .invalidTarget("A percent sign in the \(part.rawValue) is not followed by two hexadecimal digits.")
        }
        let byte = high << 4 | low
        switch (part, byte) {
        case (.path, ASCII.slash):
            throw .invalidTarget("An encoded slash in the path is not taken.")
        case (.path, 0..<0x20), (_, 0), (_, 0x7F):
            throw .invalidTarget("An encoded control character in the \(part.rawValue) is not taken.")
        default:
            return byte
        }
    }
}
