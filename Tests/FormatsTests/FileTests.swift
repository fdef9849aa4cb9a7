import Testing

@testable import Formats

@Suite("Files of formats")
struct FormatFileTests {
    @Test(
        "the kind of each fixture is told from its front",
        arguments: [
            ("npy/f4-le.npy", FileKind.npy), ("safetensors/plain.safetensors", .safetensors),
            ("torch/plain.pth", .torchZip),
            ("torch/legacy.pth", .legacyTorch), ("gzip/one.gz", .gzip), ("json/features.json", .json),
            ("make_fixtures.py", .foreign(.text)),
        ])
    func tellsKinds(name: String, kind: FileKind) throws {
        #expect(FileKind.detect(try Fixture.file(name)) == kind)
    }

    @Test("gzip members are unpacked one after another, up to the limit")
    func unpacksGzip() throws {
        #expect(try Gzip.inflate(Fixture.file("gzip/two.gz"), limit: 13) == Array("first, second".utf8))
        #expect(throws: GzipError.tooLarge(limit: 12)) { try Gzip.inflate(Fixture.file("gzip/two.gz"), limit: 12) }
        #expect(try Gzip.inflate(Fixture.file("gzip/one.gz"), limit: 1100).count == 1100)
    }

    @Test("gzip data cut anywhere is refused, and so is what follows it")
    func refusesDamagedGzip() throws {
        let bytes = try Fixture.bytes("gzip/one.gz")
        for length in 0..<bytes.count {
            #expect(throws: GzipError.self) {
                try Array(bytes[..<length]).withUnsafeBytes { try Gzip.inflate($0, limit: 1 << 20) }
            }
        }
        #expect(throws: GzipError.corrupt("something else follows its end")) {
            try (bytes + [0]).withUnsafeBytes { try Gzip.inflate($0, limit: 1 << 20) }
        }
        var flipped = bytes
        flipped[bytes.count - 5] ^= 1
        #expect(throws: GzipError.self) { try flipped.withUnsafeBytes { try Gzip.inflate($0, limit: 1 << 20) } }
    }
}
