import TestSupport
import Testing

@testable import Formats

@Suite("Formats that features are not read from")
struct ForeignFormatTests {
    private static func kind(_ bytes: [UInt8]) -> FileKind { bytes.withUnsafeBytes { FileKind.detect($0) } }

    private static func bytes(_ values: [Float]) -> [UInt8] {
        values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
    }

    /// The bytes at their offsets with zeros between, and rows behind them.
    private static func file(_ parts: [(Int, String)]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (offset, part) in parts {
            bytes += [UInt8](repeating: 0, count: offset - bytes.count) + Self.text(part)
        }
        var random = SeededRandom(seed: 6)
        return bytes + Self.bytes(random.floats(256))
    }

    private static func text(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8($0.value) } }

    /// Each byte is a character of its value.
    private static let samples: [(name: String, parts: [(Int, String)])] = [
        ("program", [(0, "MZ\u{90}\0\u{3}\0\0\0\u{4}\0\0\0\u{FF}\u{FF}"), (60, "\u{80}\0\0\0")]),
        ("program", [(0, "\u{CF}\u{FA}\u{ED}\u{FE}\u{7}\0\0\u{1}")]),
        ("program", [(0, "\u{CA}\u{FE}\u{BA}\u{BE}\0\0\04")]),
        ("program", [(0, "\0asm\u{1}\0\0\0")]),
        ("sound", [(0, "ID3\u{3}\0\0\0\0\u{1F}v")]),
        ("sound", [(0, "\u{FF}\u{FB}\u{90}D\u{1}\u{2}"), (417, "\u{FF}\u{FB}\u{92}D\u{3}")]),
        ("sound", [(0, "\u{FF}\u{F1}P\u{80} \u{1F}\u{FC}\u{9}"), (256, "\u{FF}\u{F1}P\u{80} ")]),
        ("sound", [(0, "FORM\0\u{1}\u{2}\u{3}AIFF")]),
        ("sound", [(0, "\u{FF}\u{FB}\u{E2}d\0\0\0\0"), (36, "Info\0\0\0\u{F}")]),
        ("Office", [(0, "\u{D0}\u{CF}\u{11}\u{E0}\u{A1}\u{B1}\u{1A}\u{E1}")]),
        ("DICOM", [(128, "DICM\u{2}\0\0\0")]),
        ("FITS", [(0, "SIMPLE  =                    T / conforms to FITS standard")]),
        ("NIfTI", [(0, "\\\u{1}\0\0"), (344, "n+1\0")]),
        ("NIfTI", [(0, "\0\0\u{1}\\"), (344, "ni1\0")]),
        ("NIfTI", [(0, "\u{1C}\u{2}\0\0n+2\0\r\n\u{1A}\n")]),
        ("Analyze", [(0, "\\\u{1}\0\0"), (32, "\0@\0\0\0\0r0")]),
        (
            "video",
            [
                (0, "G@\u{11}\u{10}"), (188, "G@\u{11}\u{11}"), (376, "G@\u{11}\u{12}"), (564, "G@\u{11}\u{13}"),
                (752, "G@\u{11}\u{14}"), (940, "G@\u{11}\u{15}"),
            ]
        ),
        (
            "video",
            [
                (0, "\0\0\0\u{9}G@\u{11}\u{10}"), (192, "\0\0\0\u{9}G@\u{11}\u{11}"),
                (384, "\0\0\0\u{9}G@\u{11}\u{12}"), (576, "\0\0\0\u{9}G@\u{11}\u{13}"),
                (768, "\0\0\0\u{9}G@\u{11}\u{14}"), (960, "\0\0\0\u{9}G@\u{11}\u{15}"),
            ]
        ),
        ("video", [(0, "\0\0\0\u{1}gd\0\u{1F}")]),
        ("video", [(0, "\0\0\0\u{1}@\u{1}\u{C}\u{1}")]),
        ("video", [(0, "\0\0\u{1}\u{B3}-\u{1}\u{E0}$")]),
        ("video", [(0, "DKIF\0\0 \0VP80")]),
        ("video", [(0, "\0\0\0\u{8}free\0\0\u{1}\0mdat")]),
        ("icon", [(0, "\0\0\u{1}\0\u{1}\0  \0\0\u{1}\0 \0\u{A8}\u{10}\0\0\u{16}\0\0\0")]),
        ("OpenEXR", [(0, "v/1\u{1}\u{2}\0\0\0")]),
        ("TIFF", [(0, "II+\0\u{8}\0\0\0")]),
        ("JPEG 2000", [(0, "\u{FF}O\u{FF}Q\0/")]),
        ("network traffic", [(0, "\u{D4}\u{C3}\u{B2}\u{A1}\u{2}\0\u{4}\0")]),
        ("network traffic", [(0, "\u{A1}\u{B2}\u{C3}\u{D4}\0\u{2}\0\u{4}")]),
        ("network traffic", [(0, "\n\r\r\n\u{1C}\0\0\0M<+\u{1A}")]),
        ("ar", [(0, "!<arch>\ndebian-binary   ")]),
        ("CAB", [(0, "MSCF\0\0\0\0\u{9}")]),
        ("lzip", [(0, "LZIP\u{1}\u{C}")]),
        ("LZ4", [(0, "\u{2}!L\u{18}")]),
        ("Zstandard", [(0, "Z*M\u{18}\u{9}\0\0\0")]),
        ("LZMA", [(0, "]\0\0\u{80}\0\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\0")]),
        ("Snappy", [(0, "\u{FF}\u{6}\0\0sNaPpY")]),
        (
            "zlib",
            [
                (
                    0,
                    "x\u{9C}c`dbfaec\u{E7}\u{E0}\u{E4}\u{E2}\u{E6}\u{E1}\u{E5}\u{E3}\u{17}\u{10}\u{14}\u{12}\u{16}\u{11}\u{15}\u{13}\u{97}\u{90}\u{94}\u{92}\u{96}\u{91}\u{95}\u{93}WPTRVQUS\u{D7}\u{D0}\u{D4}\u{D2}\u{D6}\u{D1}\u{D5}\u{D3}70426153\u{B7}\u{B0}\u{B4}\u{B2}\u{B6}\u{B1}\u{B5}\u{B3}wptrvqus\u{F7}\u{F0}\u{F4}\u{F2}\u{F6}\u{F1}\u{F5}\u{F3}\u{F}\u{8}\u{C}\n\u{E}\u{9}\r\u{B}\u{8F}\u{88}\u{8C}\u{8A}\u{8E}\u{89}\u{8D}\u{8B}OHLJNIMK\u{CF}\u{C8}\u{CC}\u{CA}\u{CE}\u{C9}\u{CD}\u{CB}/(,*.)-+\u{AF}\u{A8}\u{AC}\u{AA}\u{AE}\u{A9}\u{AD}\u{AB}ohljnimk\u{EF}\u{E8}\u{EC}\u{EA}\u{EE}\u{E9}\u{ED}\u{EB}\u{9F}0q\u{D2}\u{E4})S\u{A7}M\u{9F}1s\u{D6}\u{EC}9s\u{E7}\u{CD}_\u{B0}p\u{D1}\u{E2}%K\u{97}-_\u{B1}r\u{D5}\u{EA}5k\u{D7}\u{AD}\u{DF}\u{B0}q\u{D3}\u{E6}-[\u{B7}m\u{DF}\u{B1}s\u{D7}\u{EE}={\u{F7}\u{ED}?p\u{F0}\u{D0}\u{E1}#G\u{8F}\u{1D}?q\u{F2}\u{D4}\u{E9}3g\u{CF}\u{9D}\u{BF}p\u{F1}\u{D2}\u{E5}+W\u{AF}]\u{BF}q\u{F3}\u{D6}\u{ED};w\u{EF}\u{DD}\u{7F}\u{F0}\u{F0}\u{D1}\u{E3}'O\u{9F}=\u{7F}\u{F1}\u{F2}\u{D5}\u{EB}7o\u{DF}\u{BD}\u{FF}\u{F0}\u{F1}\u{D3}\u{E7}/_\u{BF}}\u{FF}\u{F1}\u{F3}\u{D7}\u{EF}?\u{7F}\u{FF}\u{FD}g\u{18}\u{E1}\u{FE}\u{7}\0\u{E3}l\u{FF}\u{1}"
                )
            ]
        ),
        ("Avro", [(0, "Obj\u{1}\u{4}\u{14}avro.codec")]),
        ("ORC", [(0, "ORC\n\u{1D}")]),
        ("ORC", [(0, "ORC>\0\0")]),
        ("TFRecord", [(0, "\u{10}\0\0\0\0\0\0\0\u{95}\u{FB}\u{FE}\u{18}")]),
        ("TFRecord", [(0, "\r \0\0\0\0\0\0\u{AB}!\u{D2}7")]),
        ("pickle", [(0, "(lp0\nF0.5\naF1.5\na.")]),
        ("pickle", [(0, "(dp1\nS'features'\np2\n")]),
        ("pickle", [(0, "cnumpy._core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n")]),
        ("pickle", [(0, "cnumpy.core.multiarray\n_reconstruct\nq\0(cnumpy\nndarray\n")]),
        ("pickle", [(0, "]q\0(]q\u{1}(G?")]),
        ("pickle", [(0, "}q\u{1}U\u{8}features")]),
        ("pickle", [(0, "(]q\0G?\u{F8}")]),
        ("MessagePack", [(0, "\u{85}\u{C4}\u{2}nd\u{C3}\u{C4}\u{4}type")]),
        ("MessagePack", [(0, "\u{85}\u{A2}nd\u{C3}\u{A4}type")]),
        ("MessagePack", [(0, "\u{82}\u{A8}features\u{DC}\0@\u{DC}")]),
        (
            "MessagePack",
            [
                (
                    0,
                    "\u{98}\u{DC}\0@\u{CA}?\u{12}4V\u{CA}?\u{12}4V\u{CA}?\u{12}4V\u{CA}?\u{12}4V\u{CA}?\u{12}4V\u{CA}?\u{12}4V\u{CA}?\u{12}4V\u{CA}?\u{12}4V\u{CA}?\u{12}4V"
                )
            ]
        ),
        (
            "MessagePack",
            [
                (
                    0,
                    "\u{DD}\0\0\u{1}\0\u{DC}\0@\u{CB}?\0\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{CB}?\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{CB}?\u{2}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{CB}?\u{3}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{CB}?\u{4}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{CB}?\u{5}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{CB}?\u{6}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{CB}?\u{7}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{CB}?\u{8}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}"
                )
            ]
        ),
        ("HDF4", [(0, "\u{E}\u{3}\u{13}\u{1}\0\0")]),
        ("LMDB", [(8, "\0\0\u{8}\0\0\0\0\0\u{DE}\u{C0}\u{EF}\u{BE}\u{1}\0\0\0")]),
        ("ROOT", [(0, "root\0\0\u{F2}d")]),
        ("Java", [(0, "\u{AC}\u{ED}\0\u{5}ur")]),
        ("R file", [(0, "RDX3\nX\n\0\0\0\u{3}")]),
        ("TensorFlow Lite", [(0, "\u{1C}\0\0\0TFL3")]),
        ("FAISS", [(0, "IxF2@\0\0\0\u{18}\0\0\0\0\0\0\0\0\0\u{10}\0\0\0\0\0\0\0\u{10}\0\0\0\0\0")]),
        ("FAISS", [(0, "IwFl\0\u{2}\0\0\u{18}\0\0\0\0\0\0\0\0\0\u{10}\0\0\0\0\0\0\0\u{10}\0\0\0\0\0")]),
        ("FAISS", [(0, "IBxF\0\u{2}\0\0@\0\0\0\u{18}\0\0\0\0\0\0\0")]),
        ("vectors", [(0, "\0\u{2}\0\0")]),
        ("C3D", [(0, "\u{1}\0\0\0\0\u{10}\0\0\u{1}\0\0\0\u{1}\0\0\0\u{1}\0\0\0")]),
        ("Torch7", [(0, "\u{4}\0\0\0\u{1}\0\0\0\u{3}\0\0\0V 1\u{11}\0\0\0torch.FloatTensor")]),
        ("MXNet", [(0, "\u{12}\u{1}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\u{1}")]),
        ("MXNet", [(0, "\n#\u{D7}\u{CE}\u{2}\u{1}\0\0")]),
        ("Kaldi", [(0, "clip-7 \0BFM \u{4}\u{18}\0\0\0\u{4}@\0\0\0")]),
        ("optical flow", [(0, "PIEH\0\u{2}\0\0")]),
        ("PPM", [(0, "PF\n640 480\n-1.0\n")]),
        ("video", [(0, "YUV4MPEG2 W640 H480 F25:1\nFRAME\n")]),
        ("video", [(0, "\u{6}\u{E}+4\u{2}\u{5}\u{1}\u{1}\r\u{1}\u{2}\u{1}")]),
        ("video", [(0, "\0\0\0\u{18}stypmsdh")]), ("video", [(0, "\0\0\0dmoof\0\0\0\u{10}mfhd")]),
        ("video", [(0, ".RMF\0\0\0\u{12}")]), ("QOI", [(0, "qoif\0\0\u{2}\0")]),
        ("TensorRT", [(0, "ftrt\0\0\0\0")]), ("DuckDB", [(0, "\0\0\0\0\0\0\0\0DUCK@\0\0\0")]),
        ("Blosc", [(0, "\u{2}\u{1}!\u{4}\0\0\u{1}\0\0\0\u{1}\0\0\u{90}\0\0")]),
        ("Blosc", [(0, "\u{9E}\u{A8}b2frame\0\u{CE}\0")]),
        ("ZFP", [(0, "zfp\u{5}\0\0\0\u{1F}")]),
        ("compress", [(0, "\u{1F}\u{9D}\u{90}" + compressed)]),
        ("R file", [(0, "X\n\0\0\0\u{3}\0\u{4}\u{2}\u{1}")]), ("R file", [(0, "X\n\0\0\0\u{2}\0\u{2}\u{B}\0")]),
        ("LMDB", [(0, "\u{1}"), (16, "\u{DE}\u{C0}\u{EF}\u{BE}\u{1}\0\0\0")]),
        ("SPSS", [(0, "$FL2@(#) SPSS DATA FILE")]), ("SPSS", [(0, "$FL3@(#) SPSS DATA FILE")]),
        ("SAS", [(12, "\u{C2}\u{EA}\u{81}`\u{B3}\u{14}\u{11}\u{CF}\u{BD}\u{92}\u{8}\0\u{9}\u{C7}1\u{8C}")]),
        ("Stata", [(0, "<stata_dta><header><release>118")]), ("Stata", [(0, "r\u{2}\u{1}\0@\0\u{10}\0\0\0")]),
        ("PLY", [(0, "ply\nformat binary_little_endian 1.0\n")]),
        ("Radiance", [(0, "#?RADIANCE\nFORMAT=32-bit_rle_rgbe")]),
        ("NRRD", [(0, "NRRD0004\ntype: float")]), ("CBOR", [(0, "\u{D9}\u{D9}\u{F7}\u{A1}hfeatures")]),
        ("word2vec", [(0, "71290 200\n</s> ")]), ("glTF", [(0, "glTF\u{2}\0\0\0")]),
        ("ONNX", [(0, "\u{8}\u{8}\u{12}\u{7}pytorch\u{1A}\u{5}2.1.0")]),
    ]

    /// Codes of nine bits, of letters alone.
    private static let compressed: String = {
        var bits: [UInt8] = []
        for letter in Array("the features of a camera, a row for every sixteen frames of it, as float32\n".utf8) {
            bits += (0..<9).map { $0 < 8 ? letter >> $0 & 1 : 0 }
        }
        let bytes = stride(from: 0, to: bits.count - 7, by: 8).map { at in
            (0..<8).reduce(UInt8(0)) { $0 | bits[at + $1] << $1 }
        }
        return String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }()

    @Test(
        "a text whose characters are nearly all above ASCII is one in older codings too",
        arguments: [
            // Shift-JIS, GB18030, KOI8-R.
            [
                0x83, 0x4A, 0x83, 0x81, 0x83, 0x89, 0x82, 0xCC, 0x93, 0xC1, 0x92, 0xA5, 0x81, 0x41, 0x8E, 0xB5, 0x94,
                0xD4, 0x0A,
            ],
            [
                0xCC, 0xD8, 0xD5, 0xF7, 0xCC, 0xE1, 0xC8, 0xA1, 0xD7, 0xD4, 0xC9, 0xE3, 0xCF, 0xF1, 0xCD, 0xB7, 0xA3,
                0xAC, 0x0A,
            ],
            [
                0xD0, 0xD2, 0xC9, 0xDA, 0xCE, 0xC1, 0xCB, 0xC9, 0x20, 0xCB, 0xC1, 0xCD, 0xC5, 0xD2, 0xD9, 0x20, 0xF3,
                0x0A,
            ],
        ] as [[UInt8]])
    func olderCodings(line: [UInt8]) {
        for count in [4, 60] {
            let bytes = (0..<count).flatMap { _ in line }
            #expect(Self.kind(bytes).isPlainText, "\(Self.kind(bytes).name)")
            // One control character, and it is not all text.
            #expect(Self.kind([2] + bytes.dropFirst()) == .unknown)
        }
    }

    @Test("a signature tells the format with numbers behind it, and what to do", arguments: samples.indices)
    func signatures(index: Int) {
        let (name, parts) = Self.samples[index]
        let bytes = Self.file(parts)
        let kind = Self.kind(bytes)
        #expect(kind.name.contains(name), "\(name) as \(kind.name)")
        if case .foreign(let format) = kind { #expect(!format.advice.isEmpty && !format.advice.contains("\n")) }
        // One byte later it is none.
        let moved = Self.kind([0x3F] + bytes)
        #expect(moved == .unknown || moved.isPlainText, "\(name) behind a byte as \(moved.name)")
    }

    @Test(
        "a text is one in every coding, with a mark or without, and with zeros behind it",
        arguments: [
            "1, 2, 3\n0.25, -1e-3, 7\n", "features of camera 7\r\n", "{\"features\": [[1, 2]]}",
            "größer, kleiner als je\n",
            "признаки камеры 7\n", "カメラの特徴、七番です。\n", "카메라의 특징 7번입니다\n", "特征提取自摄像头七号。\n",
        ])
    func wideText(line: String) {
        let scalars = (0..<30).flatMap { _ in line.unicodeScalars.map(\.value) }
        let units = (0..<30).flatMap { _ in Array(line.utf16) }
        let narrow = units.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        let wide = scalars.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        let codings: [(String, [UInt8], Int)] = [("UTF-16", narrow, 2), ("UTF-32", wide, 4)]
        for (name, little, size) in codings {
            let big = stride(from: 0, to: little.count, by: size).flatMap { little[$0..<$0 + size].reversed() }
            let mark: [UInt8] = size == 2 ? [0xFF, 0xFE] : [0xFF, 0xFE, 0, 0]
            for (order, bytes) in [
                ("LE", little), ("BE", big), ("LE with a mark", mark + little),
                ("BE with a mark", mark.reversed() + big),
            ] {
                #expect(Self.kind(bytes).isPlainText, "\(name)\(order): \(Self.kind(bytes).name)")
                let padded = bytes.prefix(200) + [UInt8](repeating: 0, count: 400)
                #expect(
                    Self.kind(Array(padded)).isPlainText, "\(name)\(order), padded: \(Self.kind(Array(padded)).name)")
            }
        }
        let padded = Self.kind(Array(line.utf8) + [UInt8](repeating: 0, count: 2_000))
        #expect(padded.isPlainText || padded == .json, "padded: \(padded.name)")
        let fields = (0..<20).flatMap { Array("clip \($0)".utf8) + [UInt8](repeating: 0, count: 9) }
        #expect(Self.kind(fields).isPlainText)
    }

    /// A row as CLIP gives them: normal numbers, of a length of about 10 or of 1.
    private static func row(_ width: Int, unit: Bool, _ random: inout SeededRandom) -> [Float] {
        let row = (0..<width).map { _ in
            let bits = random.next()
            return (0..<4).reduce(Float(-2)) { $0 + Float(bits >> (16 * UInt64($1)) & 0xFFFF) / 65_536 } * 0.762_123
        }
        let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return unit ? row.map { $0 / length } : row
    }

    @Test("rows of features are of no format: long or short, rounded, sparse, repeated, behind zeros")
    func rows() {
        var random = SeededRandom(seed: 1_706)
        for round in 0..<1_500 {
            let width = [4, 64, 256, 512][round % 4]
            var values = Self.row(width, unit: round % 2 == 0, &random)
            if round % 3 == 0 { values = values.map { Float(bitPattern: $0.bitPattern & 0xFFFF_0000) } }
            if round % 5 == 0 { values = values.map { Float(bitPattern: $0.bitPattern & 0xFFFF_E000) } }
            if round % 7 == 0 { values = values.map { max($0, 0) } }
            if round % 11 == 0 { values = [Float](repeating: 0, count: 1 + round % 90) + values }
            if round % 13 == 0 { values = values.map { ($0 * 4).rounded() / 4 } }
            if round % 17 == 0 { values = [Float](repeating: values[0], count: width) }
            if round % 19 == 0 { values = values.enumerated().map { $0 == round % 4 ? $1 : 0 } }
            if round % 23 == 0 { values = values.map { ($0 * 1_000).rounded() } }
            let kind = Self.kind(Self.bytes(values))
            #expect(kind == .unknown, "round \(round), \(values[..<4]) as \(kind.name)")
        }
    }

    @Test("a value whose bytes are a short mark, before usual ones or repeated, begins no format")
    func shortMarks() {
        let marks: [[UInt8]] = [
            [0x4D, 0x5A], [0x42, 0x4D], [0xFF, 0xFB, 0x90], [0xFF, 0xF1, 0x50], [0xFF, 0xF3, 0x84], [0x4F, 0x52, 0x43],
            [0x49, 0x44, 0x33],
            [0x78, 0x9C], [0x78, 0x01], [0x78, 0xDA], [0x5D, 0x71, 0], [0x47, 0x40, 0x11], [0, 0, 1],
            [0x85, 0xA2, 0x6E],
            [0x82, 0xA8, 0x66], [0x98, 0xDC, 0], [0x98, 0xCA], [0xDC, 0, 0x40], [0x28, 0x6C, 0x70], [0x1F, 0x8B, 8],
            [0x1F, 0x9D, 0x90], [0xD9, 0xD9, 0xF7], [0x33, 0x20, 0x34], [0x7A, 0x66, 0x70], [0x58, 0x0A],
        ]
        var random = SeededRandom(seed: 17)
        for mark in marks {
            for high in [UInt8](0x38...0x41) + [UInt8](0xB8...0xC1) {
                var first = mark
                while first.count < 3 { first.append(UInt8.random(in: 0...255, using: &random)) }
                first.append(high)
                let others = Self.bytes(Self.row(300, unit: high % 2 == 0, &random))
                for bytes in [first + others, (0..<300).flatMap { _ in first }] {
                    let kind = Self.kind(bytes)
                    #expect(kind == .unknown, "\(first) as \(kind.name)")
                }
            }
        }
    }
}
