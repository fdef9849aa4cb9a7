/// A number of bytes as people are told of it: `2097152 bytes (2 MiB)`, without MiB where they are no whole number.
public struct ByteCount: Equatable, Sendable, CustomStringConvertible {
    /// The number.
    public let bytes: Int

    /// So many bytes.
    public init(_ bytes: Int) { self.bytes = bytes }

    /// The bytes, and the MiB that they are.
    public var description: String {
        let (mebibytes, rest) = bytes.quotientAndRemainder(dividingBy: 1 << 20)
        return "\(bytes) bytes" + (mebibytes > 0 && rest == 0 ? " (\(mebibytes) MiB)" : "")
    }
}
