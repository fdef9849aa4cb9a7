import Platform

/// The grammar of Host: a host and an optional port, nothing else (RFC 9110, 7.2; RFC 3986, 3.2.2).
enum HostField {
    static func isValid(_ bytes: ArraySlice<UInt8>) -> Bool {
        let afterHost: ArraySlice<UInt8>
        if bytes.first == ASCII.openBracket {
            guard let close = bytes.firstIndex(of: ASCII.closeBracket), close > bytes.startIndex + 1 else {
                return false
            }
            guard isIPLiteral(bytes[(bytes.startIndex + 1)..<close]) else { return false }
            afterHost = bytes[(close + 1)...]
        } else {
            let end = bytes.firstIndex(of: ASCII.colon) ?? bytes.endIndex
            guard end > bytes.startIndex, isRegisteredName(bytes[..<end]) else { return false }
            afterHost = bytes[end...]
        }
        if afterHost.isEmpty { return true }
        let port = afterHost.dropFirst()
        return afterHost.first == ASCII.colon && port.count <= 5 && port.allSatisfy(ASCII.isDigit)
    }

    /// `IPv6address` or `IPvFuture` (RFC 3986, 3.2.2); no zone, which means nothing to another host.
    private static func isIPLiteral(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard bytes.allSatisfy(ByteSet.ipLiteral.contains) else { return false }
        if let first = bytes.first, ASCII.lowercased(first) == 0x76 {
            guard let dot = bytes.firstIndex(of: ASCII.dot) else { return false }
            let version = bytes[(bytes.startIndex + 1)..<dot]
            return !version.isEmpty && version.allSatisfy { ASCII.hexValue($0) != nil } && dot + 1 < bytes.endIndex
        }
        return bytes.contains(ASCII.colon) && IPAddress(String(decoding: bytes, as: UTF8.self)) != nil
    }

    private static func isRegisteredName(_ bytes: ArraySlice<UInt8>) -> Bool {
        for (index, byte) in zip(bytes.indices, bytes) {
            guard ByteSet.registeredName.contains(byte) else { return false }
            if byte == ASCII.percent {
                let digits = bytes[(index + 1)...].prefix(2)
                guard digits.count == 2, digits.allSatisfy({ ASCII.hexValue($0) != nil }) else { return false }
            }
        }
        return true
    }
}
