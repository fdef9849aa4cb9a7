import Platform
import TestSupport
import Testing

@testable import Formats

@Suite("Kinds of files")
struct FileKindTests {
    private static func kind(_ bytes: [UInt8]) -> FileKind { bytes.withUnsafeBytes { FileKind.detect($0) } }

    private static func numbers(_ values: [Float]) -> [UInt8] {
        values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
    }

    @Test(
        "a mark tells the format, and the advice is a sentence of one line",
        arguments: [
            ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], .hdf5),
            (Array("MATLAB 5.0 MAT-file, Platform".utf8), .matlab),
            (Array("MATLAB 7.3 MAT-file, Platform".utf8), .newMatlab),
            ([0, 0, 0, 0, 8, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0x66], .matlab),
            ([0xFF, 0xD8, 0xFF, 0xE0, 0, 0x10], .image("JPEG")),
            ([0x80, 4, 0x95, 9, 0, 0, 0, 0, 0, 0, 0, 0x7D], .pickle),
            ([0x80, 2, 0x7D, 0x71, 0], .pickle), ([0x80, 3, 0x63, 0x6E, 0x75], .pickle),
            ([0, 0, 0, 24] + Array("ftypisom".utf8), .video("MP4")),
            (Array("RIFF\u{1}\u{2}\u{3}\u{4}AVI LIST".utf8), .video("AVI")),
            (Array("RIFF\u{1}\u{2}\u{3}\u{4}WEBPVP8".utf8), .image("WebP")),
            (Array("PAR1".utf8), .parquet), ([0xFF, 0xFF, 0xFF, 0xFF, 0xA8, 0, 0, 0, 16, 0, 0, 0], .arrowStream),
            (Array("BZh91AY&SY".utf8), .packed("bzip2")), (Array("a,b\n0.5,-1e-3\n".utf8), .table),
            (Array("\u{FEFF}1;2;3".utf8), .table), (Array("größer, kleiner".utf8), .text),
            ([0x67, 0x72, 0xF6, 0xDF, 0x65, 0x72, 0x20] + Array("als je zuvor, nie war es so".utf8), .text),
            ([0xFF, 0xFE, 0x31, 0, 0x2C, 0, 0x32, 0], .text),
        ] as [([UInt8], ForeignFormat)])
    func marks(bytes: [UInt8], format: ForeignFormat) {
        #expect(Self.kind(bytes) == .foreign(format))
        #expect(!format.name.isEmpty && !format.advice.isEmpty && !format.advice.contains("\n"))
    }

    @Test("a table of numbers is one wherever its front is cut")
    func cutTables() {
        let row = (0..<40).map { "\($0 % 3 == 0 ? "-" : "")1.0\($0)e-0\($0 % 10)" }.joined(separator: ",")
        for length in 24...row.utf8.count {
            #expect(Self.kind(Array(row.utf8.prefix(length))) == .foreign(.table), "\(row.prefix(length).suffix(20))")
        }
        #expect(Self.kind(Array("1.5 , - , and more words".utf8)) == .foreign(.text))
    }

    @Test("JSON is told from text, with a mark of its coding or without, and not from a byte that numbers have too")
    func json() {
        #expect(Self.kind(Array("{\"features\": [[1]]}".utf8)) == .json)
        #expect(Self.kind(Array("\u{FEFF} [1, 2]".utf8)) == .json)
        #expect(Self.kind([0x7B, 0x14, 0xAE, 0x3F]) == .unknown)
        #expect(Self.kind([0x5B, 0x14, 0xAE, 0x3F]) == .unknown)
    }

    @Test("rows of numbers of usual sizes are of no known format, whatever their first value")
    func numbersAreUnknown() {
        var generator = SeededRandom(seed: 17)
        for round in 0..<1_500 {
            var row = generator.floats(80, scale: round % 3 == 0 ? 40 : 1)
            if round % 5 == 0 { row = row.map { $0 < 0 ? 0 : $0 } }
            if round % 7 == 0 { row = row.map { Float(bitPattern: $0.bitPattern & 0xFFFF_0000) } }
            if round % 11 == 0 { row[0] = 0 }
            #expect(Self.kind(Self.numbers(row)) == .unknown, "round \(round), \(row[..<4])")
        }
    }

    @Test("no first value of a usual size, rounded to bfloat16 or not, begins a format")
    func firstValues() {
        for high in stride(from: UInt32(0x3000), through: 0x4600, by: 3) {
            for low in [UInt32(0), 0x0201, 0xD8FF, 0x4D42, 0x0280, 0x0380, 0x0480, 0x8B1F, 0x3650] {
                for sign in [UInt32(0), 0x8000_0000] {
                    let value = Float(bitPattern: sign | high << 16 | low)
                    let kind = Self.kind(Self.numbers([value, 0.25, -1, 0] + [Float](repeating: 0.1, count: 60)))
                    #expect(kind == .unknown, "\(value) as \(kind)")
                }
            }
        }
    }

    @Test("what the first bytes tell is the same with more behind them")
    func frontsAgree() throws {
        for name in ["npy/f4-le.npy", "safetensors/plain.safetensors", "torch/plain.pth", "gzip/one.gz"] {
            let bytes = try Fixture.bytes(name)
            let marked = bytes.withUnsafeBytes { FileKind.marked($0) }
            #expect(marked != .unknown && Self.kind(bytes) == marked)
            #expect(Self.kind(Array(bytes.prefix(FileKind.markBytes))) == marked)
        }
    }

    @Test("an outline tells a shape of any type, and nothing of what is cut or no array")
    func outlines() throws {
        let bytes = try Fixture.bytes("npy/f4-le.npy")
        let whole = try #require(NPYOutline(front: bytes))
        #expect(whole.shape == (try decode(bytes, with: NPYDecoder()).shape))
        let header = Array("{'descr': '<U5', 'fortran_order': False, 'shape': (7,), }".utf8)
        let front = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, UInt8(header.count), 0] + header
        let outline = try #require(NPYOutline(front: front + [1, 2]))
        #expect(outline.shape == [7] && outline.type == "<U5" && !outline.isFortranOrder)
        #expect(outline.headerBytes == front.count && NPYOutline.headerBytes(front: front) == front.count)
        for count in 0..<front.count { #expect(NPYOutline(front: Array(front[..<count])) == nil) }
        #expect(NPYOutline(front: Array(repeating: 7, count: 100)) == nil)
    }

    @Test("gzip is unpacked in pieces as it is at once, within the same limit")
    func gzipPieces() throws {
        let bytes = try Fixture.bytes("gzip/one.gz")
        func pieces(limit: Int) throws(GzipError) -> [UInt8] {
            var all: [UInt8] = []
            try bytes.withRawBytes { raw throws(GzipError) in
                try Gzip.forEachPiece(of: raw, limit: limit, wrap: { $0 }) { piece throws(GzipError) in all += piece }
            }
            return all
        }
        #expect(try pieces(limit: 1100) == bytes.withUnsafeBytes { try Gzip.inflate($0, limit: 1100) })
        #expect(throws: GzipError.tooLarge(limit: 1099)) { try pieces(limit: 1099) }
    }

    @Test("a checkpoint holds no features, and says that torch.save wrote it")
    func torch() throws {
        let file = try Fixture.file("torch/plain.pth")
        #expect(TorchFeatures.isTorch(file))
        #expect(try TorchFeatures.array(in: file, limits: ArrayLimits()) == nil)
        #expect(!TorchFeatures.isTorch(try Fixture.file("npy/f4-le.npy")))
    }
}
