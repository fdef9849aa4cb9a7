import Platform

typealias ASCII = Platform.ASCII

extension ASCII {
    static func isHexDigit(_ byte: UInt8) -> Bool { hexValue(byte) != nil }
}
