import Formats
import TestSupport
import Testing

/// Archives in memory, unpacked piece by piece.
@Suite("Zip archives in memory")
struct ZipBodyTests {
    private func contents(of entry: ZipEntry, in archive: ZipBody) throws(ZipError) -> [UInt8] {
        var contents: [UInt8] = []
        try archive.forEachPiece(of: entry, wrap: { $0 }) { piece throws(ZipError) in
            contents.append(contentsOf: piece)
        }
        return contents
    }

    @Test(
        "what the reader of files finds is found in memory",
        arguments: [
            "mixed.zip", "batch-stored.zip", "batch-deflated.zip", "batch-streamed.zip", "batch.npz",
            "batch-compressed.npz", "zeros.zip",
        ])
    func agrees(name: String) throws {
        let file = try ZipArchive(file: Fixture.file("zip/\(name)"))
        let body = try ZipBody(Fixture.bytes("zip/\(name)"))
        #expect(body.entries == file.entries && !body.entries.isEmpty)
        for entry in body.entries {
            #expect(try contents(of: entry, in: body) == file.contents(of: entry, limit: 4 << 20), "\(entry.name)")
        }
    }

    @Test("pieces are small however large an entry is")
    func pieces() throws {
        let body = try ZipBody(Fixture.bytes("zip/zeros.zip"))
        var sizes: [Int] = []
        try body.forEachPiece(of: body.entries[0], wrap: { $0 }) { piece throws(ZipError) in sizes.append(piece.count) }
        #expect(sizes.allSatisfy { $0 <= 64 << 10 } && sizes.reduce(0, +) == 87_381 * 12)
    }

    @Test("who throws while an entry is unpacked gets no more of it")
    func stops() throws {
        let body = try ZipBody(Fixture.bytes("zip/zeros.zip"))
        var count = 0
        let error = failure(of: ZipError.self) {
            try body.forEachPiece(of: body.entries[0], wrap: { $0 }) { _ throws(ZipError) in
                count += 1
                if count == 2 { throw .unsupported("enough") }
            }
        }
        #expect(error == .unsupported("enough") && count == 2)
    }

    @Test(
        "contents that are not what they claim are refused, and none beyond their claim is passed on",
        arguments: [
            (TestZip.Entry(name: "a", data: [1], crc: 7), "checksum", 1),
            (Self.deflated([0x63, 0, 0], size: 0), "unpacks to more than the 0 bytes", 0),
            (Self.deflated([0x63, 0, 0], size: 2), "unpacks to 1 of the 2 bytes", 1),
            (Self.deflated([0x63, 0, 0, 9], size: 1), "bytes after its end", 1),
            (Self.deflated([0x63], size: 1), "ends early", 0), (Self.deflated([0xFF, 0xFF], size: 1), "is corrupt", 0),
            (Self.deflated([0x63, 0, 0], size: 4_000_000_000), "unpacks to 1 of the 4000000000 bytes", 1),
            (Self.deflated([0x63, 0, 0], size: 1, crc: 7), "checksum", 1),
        ])
    func refuses(entry: TestZip.Entry, words: String, passed: Int) throws {
        let body = try ZipBody(TestZip([entry]).bytes)
        var count = 0
        let error = failure(of: ZipError.self) {
            try body.forEachPiece(of: body.entries[0], wrap: { $0 }) { piece throws(ZipError) in count += piece.count }
        }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "no error")")
        #expect(error?.description.contains("the entry 'a'") == true && count == passed)
    }

    private static func deflated(_ data: [UInt8], size: UInt32, crc: UInt32 = 0xD202_EF8D) -> TestZip.Entry {
        TestZip.Entry(
            name: "a", data: data, method: 8, flags: 8, crc: crc, size: size, compressedSize: UInt32(data.count),
            localSize: 0)
    }

    @Test("the first entry's name is told from the front alone")
    func firstName() throws {
        let bytes = try Fixture.bytes("torch/plain.pth")
        let whole = 30 + "archive/data.pkl".utf8.count
        for count in 0...whole + 1 {
            let name = ZipBody.firstName(in: Array(bytes[..<count]))
            #expect(name == (count < whole ? nil : "archive/data.pkl"), "\(count) bytes")
        }
        #expect(ZipBody.firstName(in: try Fixture.bytes("npy/f4-le.npy")) == nil)
    }
}
