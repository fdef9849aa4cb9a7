extension String {
    /// All but what is unreserved in addresses (RFC 3986, 2.3) by its number: as a value of a query has it.
    package var percentEncoded: String { escaped("%", keeping: "-._~") }

    /// As one part of a path: a part of dots alone would be no name but a way.
    package var percentEncodedPart: String {
        utf8.allSatisfy { $0 == ASCII.dot } ? utf8.map { _ in "%2E" }.joined() : percentEncoded
    }

    /// Letters and digits as they are, other bytes as a mark and two digits, in capitals.
    ///
    /// - Parameter kept: what is left as it is too
    package func escaped(_ mark: String, keeping kept: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(utf8.count)
        for byte in utf8 {
            if ASCII.isAlphanumeric(byte) || kept.utf8.contains(byte) {
                bytes.append(byte)
            } else {
                bytes += mark.utf8
                bytes += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
