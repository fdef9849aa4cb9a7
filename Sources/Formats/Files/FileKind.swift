/// What a file is, told from its first bytes.
public enum FileKind: String, Equatable, Sendable {
    case npy, safetensors, torchZip, legacyTorch, gzip, json, html, gitLFSPointer, unknown

    /// Looks at the front of a file; 64 bytes are enough.
    public static func detect(_ bytes: UnsafeRawBufferPointer) -> FileKind {
        if bytes.starts(with: "PK\u{3}\u{4}") { return .torchZip }
        if bytes.starts(with: "version https://git-lfs") { return .gitLFSPointer }
        if bytes.starts(with: npyMagic) { return .npy }
        if bytes.starts(with: legacyMagic) { return .legacyTorch }
        if bytes.starts(with: [0x1F, 0x8B]) { return .gzip }
        if isSafetensors(bytes) { return .safetensors }
        return ofText(bytes)
    }

    /// Looks at the front of a mapped file.
    public static func detect(_ file: MappedFile) -> FileKind { file.withUnsafeBytes { detect($0) } }

    private static let npyMagic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
    /// Protocol 2, then the ten-byte integer 0x1950A86A20F9469CFC6C that PyTorch before 1.6 began a file with.
    private static let legacyMagic: [UInt8] = [
        0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
    ]

    private static func isSafetensors(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let length = bytes.littleEndian(UInt64.self, at: 0), bytes.count > 8 else { return false }
        return length >= 2 && length < 1 << 32 && bytes[8] == UInt8(ascii: "{")
    }

    /// A tag that pages begin with; one byte alone could as well belong to a number.
    private static func isMarkup(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let begin = String(decoding: bytes.prefix(64), as: UTF8.self).lowercased().drop { $0.isWhitespace }
        return ["<!doctype", "<html", "<head", "<?xml", "<!--"].contains { begin.hasPrefix($0) }
    }

    private static func ofText(_ bytes: UnsafeRawBufferPointer) -> FileKind {
        let blank: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
        guard let first = bytes.prefix(4096).first(where: { !blank.contains($0) }) else { return .unknown }
        switch first {
        case UInt8(ascii: "<"): return isMarkup(bytes) ? .html : .unknown
        case UInt8(ascii: "{"), UInt8(ascii: "["): return .json
        default: return .unknown
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func starts(with magic: [UInt8]) -> Bool { prefix(magic.count).elementsEqual(magic) }
}
