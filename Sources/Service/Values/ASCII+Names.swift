import Platform

extension ASCII {
    /// A byte of a field's name, as most are written.
    static func isOfName(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
