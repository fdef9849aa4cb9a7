/// The grammar of Host: a host and an optional port, nothing else (RFC 9110, 7.2; RFC 3986, 3.2.2).
enum HostField {
    static func isValid(_ bytes: ArraySlice<UInt8>) -> Bool {
        let afterHost: ArraySlice<UInt8>
        if bytes.first == ASCII.openBracket {
            guard let close = bytes.firstIndex(of: ASCII.closeBracket), close > bytes.startIndex + 1 else {
                return false
            }
            guard bytes[(bytes.startIndex + 1)..<close].allSatisfy(ByteSet.ipLiteral.contains) else { return false }
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
