import JSON
import Platform

/// What a file is, told from its first bytes.
///
/// Bytes that begin as none of these are `unknown`, as plain float32 rows are: so no kind is told from bytes that numbers
/// of a usual size begin with, and a text is one as a whole or not at all.
public enum FileKind: Equatable, Sendable {
    case npy, safetensors, torchZip, legacyTorch, gzip, json, html, gitLFSPointer
    /// A format that is not read here, and known by its name.
    case foreign(ForeignFormat)
    case unknown

    /// Bytes that tell every kind that begins with a mark of its own.
    public static let markBytes = 32
    /// Bytes that tell the others too.
    public static let frontBytes = 1024

    /// Looks at the front of a file, of which it needs ``frontBytes``.
    public static func detect(_ bytes: UnsafeRawBufferPointer) -> FileKind {
        let marked = marked(bytes)
        guard marked == .unknown else { return marked }
        let front = UnsafeRawBufferPointer(rebasing: bytes.prefix(frontBytes))
        if let format = ForeignFormat.inside(front) { return .foreign(format) }
        if isMarkup(front) { return .html }
        return ofText(front)
    }

    /// Looks at the front of a mapped file.
    public static func detect(_ file: MappedFile) -> FileKind { file.withUnsafeBytes { detect($0) } }

    /// What the first ``markBytes`` tell; what more bytes tell is the same, unless it is `unknown` here.
    public static func marked(_ bytes: UnsafeRawBufferPointer) -> FileKind {
        let mark = UnsafeRawBufferPointer(rebasing: bytes.prefix(markBytes))
        if mark.starts(with: "PK\u{3}\u{4}") || mark.starts(with: "PK\u{5}\u{6}") { return .torchZip }
        if mark.starts(with: "version https://git-lfs") { return .gitLFSPointer }
        if mark.starts(with: npyMagic) { return .npy }
        if mark.starts(with: legacyMagic) { return .legacyTorch }
        // The third byte is the only method there is, and the bits above the fourth's lowest five are reserved.
        if mark.count > 3, mark.starts(with: [0x1F, 0x8B, 8]), mark[3] < 0x20 { return .gzip }
        if isSafetensors(mark) { return .safetensors }
        return ForeignFormat.marked(mark).map { .foreign($0) } ?? .unknown
    }

    /// What it is, with its article.
    public var name: String {
        switch self {
        case .npy: "a numpy array (.npy)"
        case .safetensors: "a safetensors file"
        case .torchZip: "a zip archive"
        case .legacyTorch: "a checkpoint of PyTorch before 1.6"
        case .gzip: "gzip data"
        case .json: "JSON"
        case .html: "a web page"
        case .gitLFSPointer: "a Git LFS pointer"
        case .foreign(let format): format.name
        case .unknown: "of no format that is known here"
        }
    }

    /// Whether it is a text that says nothing of its format.
    public var isPlainText: Bool { self == .foreign(.text) || self == .foreign(.table) }

    private static let npyMagic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
    /// Protocol 2, then the ten-byte integer 0x1950A86A20F9469CFC6C that PyTorch before 1.6 began a file with.
    private static let legacyMagic: [UInt8] = [
        0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
    ]

    /// A length below 16 MiB, as which no number of a usual size begins, then an object's first two characters.
    private static func isSafetensors(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let length = bytes.littleEndian(UInt64.self, at: 0), bytes.count > 9 else { return false }
        let second: [UInt8] = [UInt8(ascii: "\""), UInt8(ascii: "}"), 0x20, 0x09, 0x0A, 0x0D]
        return length >= 2 && length < 1 << 24 && bytes[8] == UInt8(ascii: "{") && second.contains(bytes[9])
    }

    /// A tag that pages begin with; one byte alone could as well belong to a number.
    private static func isMarkup(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let begin = bytes.prefix(64).drop(while: isJSONBlank).map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
        return ["<!doctype", "<html", "<head", "<?xml", "<!--"].contains { begin.starts(with: $0.utf8) }
    }

    private static func ofText(_ bytes: UnsafeRawBufferPointer) -> FileKind {
        guard PlainText.isText(bytes) else { return PlainText.isWideText(bytes) ? .foreign(.text) : .unknown }
        let text = PlainText.withoutMark(bytes).drop(while: isJSONBlank)
        switch text.first {
        case nil: return .unknown
        case UInt8(ascii: "{"), UInt8(ascii: "["): return .json
        default: return .foreign(PlainText.isTable(bytes) ? .table : .text)
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the bytes at `offset` are those of `mark`.
    func has(_ mark: [UInt8], at offset: Int = 0) -> Bool {
        offset + mark.count <= count && self[offset..<offset + mark.count].elementsEqual(mark)
    }

    fileprivate func starts(with magic: [UInt8]) -> Bool { has(magic) }
}
