/// The table of marks that files begin with, for every reader of files and uploads.
extension ForeignFormat {
    /// What a file begins as: all the marks at their offsets.
    private struct Mark: Sendable {
        let format: ForeignFormat
        let parts: [(offset: Int, bytes: [UInt8])]

        init(_ format: ForeignFormat, _ bytes: [UInt8], at offset: Int = 0) {
            self.format = format
            parts = [(offset, bytes)]
        }

        init(_ format: ForeignFormat, _ text: String, at offset: Int = 0, then more: String? = nil) {
            self.format = format
            parts = [(offset, Array(text.utf8))] + (more.map { [(8, Array($0.utf8))] } ?? [])
        }
    }

    /// Four bytes or more, or three that no number of a usual size begins with.
    private static let marks: [Mark] = [
        Mark(.hdf5, hdf5Mark), Mark(.matlab, "MATLAB 5.0 MAT-file"), Mark(.newMatlab, "MATLAB 7.3 MAT-file"),
        Mark(.netCDF, [0x43, 0x44, 0x46, 1]), Mark(.netCDF, [0x43, 0x44, 0x46, 2]),
        Mark(.netCDF, [0x43, 0x44, 0x46, 5]),
        Mark(.parquet, "PAR1"), Mark(.arrow, "ARROW1"), Mark(.feather, "FEA1"),
        Mark(.sqlite, "SQLite format 3"), Mark(.gguf, "GGUF"), Mark(.pdf, "%PDF-"),
        Mark(.program, [0x7F, 0x45, 0x4C, 0x46]),
        Mark(.image("PNG"), [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]),
        Mark(.image("GIF"), "GIF87a"), Mark(.image("GIF"), "GIF89a"), Mark(.image("WebP"), "RIFF", then: "WEBP"),
        Mark(.image("TIFF"), [0x49, 0x49, 0x2A, 0]), Mark(.image("TIFF"), [0x4D, 0x4D, 0, 0x2A]),
        Mark(.image("HEIF"), "ftyp", at: 4, then: "heic"), Mark(.image("HEIF"), "ftyp", at: 4, then: "mif1"),
        Mark(.image("AVIF"), "ftyp", at: 4, then: "avif"), Mark(.image("Photoshop"), "8BPS"),
        Mark(.image("JPEG XL"), [0, 0, 0, 0x0C, 0x4A, 0x58, 0x4C, 0x20]),
        Mark(.image("JPEG 2000"), [0, 0, 0, 0x0C, 0x6A, 0x50, 0x20, 0x20]),
        Mark(.video("QuickTime"), "ftyp", at: 4, then: "qt  "), Mark(.video("MP4"), "ftyp", at: 4),
        Mark(.video("QuickTime"), "moov", at: 4), Mark(.video("QuickTime"), "mdat", at: 4),
        Mark(.video("QuickTime"), "wide", at: 4), Mark(.video("AVI"), "RIFF", then: "AVI "),
        Mark(.video("Matroska or WebM"), [0x1A, 0x45, 0xDF, 0xA3]), Mark(.video("FLV"), [0x46, 0x4C, 0x56, 1]),
        Mark(.video("WMV"), [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11]), Mark(.video("Ogg"), "OggS"),
        Mark(.sound, "RIFF", then: "WAVE"), Mark(.sound, "fLaC"),
        Mark(.packed("7z"), [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]), Mark(.packed("RAR"), "Rar!\u{1A}\u{7}"),
        Mark(.packed("xz"), [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]), Mark(.packed("bzip2"), "1AY&SY", at: 4),
        Mark(.packed("Zstandard"), [0x28, 0xB5, 0x2F, 0xFD]), Mark(.packed("LZ4"), [0x04, 0x22, 0x4D, 0x18]),
    ]

    private static let hdf5Mark: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

    /// The format that the first 32 bytes tell.
    static func marked(_ bytes: UnsafeRawBufferPointer) -> ForeignFormat? {
        for mark in marks where mark.parts.allSatisfy({ bytes.has($0.bytes, at: $0.offset) }) { return mark.format }
        if isPickle(bytes) { return .pickle }
        if isJPEG(bytes) { return .image("JPEG") }
        if isBitmap(bytes) { return .image("BMP") }
        if isPortableMap(bytes) { return .image("PPM") }
        if isArrowStream(bytes) { return .arrowStream }
        if isOldMatlab(bytes) { return .matlab }
        if isProgramStream(bytes) { return .video("MPEG") }
        return nil
    }

    /// The format that marks further inside tell.
    static func inside(_ bytes: UnsafeRawBufferPointer) -> ForeignFormat? {
        if bytes.has(hdf5Mark, at: 512) { return .hdf5 }
        if bytes.has(Array("ustar".utf8), at: 257) { return .packed("tar") }
        let isTransportStream =
            bytes.count > 564 && stride(from: 0, through: 564, by: 188).allSatisfy { bytes[$0] == 0x47 }
        return isTransportStream ? .video("MPEG") : nil
    }

    /// Whether a float32 whose last byte is this one is of a size that features are.
    private static func isUsual(_ byte: UInt8) -> Bool { (0x2F...0x46).contains(byte & 0x7F) }

    /// Protocols 2 to 5: a frame's opcode and length, or an opcode that pickles begin with.
    private static func isPickle(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 3, bytes[0] == 0x80, (2...5).contains(bytes[1]) else { return false }
        if bytes[1] >= 4, bytes[2] == 0x95, let length = bytes.littleEndian(UInt64.self, at: 3) {
            return length < 1 << 40
        }
        return "}](c)XUKGN".utf8.contains(bytes[2]) && !isUsual(bytes[3])
    }

    private static func isJPEG(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 3 && bytes.has([0xFF, 0xD8, 0xFF])
            && ((0xE0...0xEF).contains(bytes[3]) || [0xDB, 0xFE].contains(bytes[3]))
    }

    private static func isBitmap(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.has([0x42, 0x4D]), bytes.has([0, 0, 0, 0], at: 6) else { return false }
        return bytes.littleEndian(UInt32.self, at: 14).map { [12, 40, 52, 56, 64, 108, 124].contains($0) } ?? false
    }

    /// P1 to P7, a blank, and a number.
    private static func isPortableMap(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 4, bytes[0] == 0x50, (0x31...0x37).contains(bytes[1]), isJSONBlank(bytes[2]) else {
            return false
        }
        return bytes[3...4].allSatisfy { (0x30...0x39).contains($0) || isJSONBlank($0) || $0 == 0x23 }
    }

    /// The mark of a message, its length, and the place of the first table in it.
    private static func isArrowStream(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.has([0xFF, 0xFF, 0xFF, 0xFF]), let length = bytes.littleEndian(UInt32.self, at: 4),
            let root = bytes.littleEndian(UInt32.self, at: 8)
        else { return false }
        return (8..<1 << 24).contains(length) && (4..<256).contains(root)
    }

    /// MATLAB's version 4: type, rows, columns, no imaginary part, the name's length, the name.
    private static func isOldMatlab(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let header = (0..<5).compactMap { bytes.littleEndian(UInt32.self, at: $0 * 4) }
        guard header.count == 5, header[0] <= 52, header[0] % 10 <= 2, bytes.count > 20 else { return false }
        return header[1...2].allSatisfy { (1..<1 << 24).contains($0) } && header[3] <= 1
            && (2...64).contains(header[4]) && (0x41...0x7A).contains(bytes[20])
    }

    private static func isProgramStream(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 4 && bytes.has([0, 0, 1, 0xBA]) && (bytes[4] & 0xC4 == 0x44 || bytes[4] & 0xF1 == 0x21)
    }
}
