import Formats
import TestSupport
import Testing

@Suite("Zip archives")
struct ZipTests {
    @Test("stored, deflated and zip64 entries are read")
    func reads() throws {
        let archive = try ZipArchive(file: Fixture.file("zip/mixed.zip"))
        #expect(archive.entries.map(\.name) == ["stored.txt", "folder/deflated.txt", "wide.txt"])
        let contents = try archive.entries.map {
            String(decoding: try archive.contents(of: $0, limit: 4000), as: UTF8.self)
        }
        #expect(contents == ["stored words", String(repeating: "again ", count: 500), "zip64 words"])
        let stored = try #require(archive.entry(named: "stored.txt"))
        let range = try #require(archive.storedRange(of: stored))
        #expect(archive.file.withUnsafeBytes { String(decoding: $0[range], as: UTF8.self) } == "stored words")
        #expect(archive.storedRange(of: archive.entries[1]) == nil)
    }

    @Test("data descriptors are understood")
    func descriptors() throws {
        let archive = try ZipArchive(file: Fixture.file("torch/descriptors.pth"))
        #expect(
            try archive.contents(of: #require(archive.entry(named: "archive/version")), limit: 10) == Array("3\n".utf8))
    }

    private static let one = TestZip.Entry(name: "a", data: [1, 2, 3])

    private static func changed(_ change: (inout TestZip.Entry) -> Void) -> [UInt8] {
        var entry = one
        change(&entry)
        return TestZip([entry]).bytes
    }

    private static func zip(_ entries: [TestZip.Entry] = [one], _ change: (inout TestZip) -> Void = { _ in }) -> [UInt8]
    {
        var zip = TestZip(entries)
        change(&zip)
        return zip.bytes
    }

    /// A zip64 end record with its locator.
    private static func wideEnd(count: UInt64, size: UInt64, offset: UInt64, at position: UInt64) -> [UInt8] {
        var bytes: [UInt8] =
            [0x50, 0x4B, 6, 6] + .littleEndian(UInt64(44)) + [45, 0, 45, 0] + .littleEndian(UInt64(0))
        for value in [count, count, size, offset] { bytes.append(littleEndian: value) }
        return bytes + [0x50, 0x4B, 6, 7] + .littleEndian(UInt32(0)) + .littleEndian(position)
            + .littleEndian(UInt32(1))
    }

    private static let huge: [UInt8] = [1, 0, 16, 0] + .littleEndian(UInt64(1) << 60) + .littleEndian(UInt64(1) << 60)

    @Test(
        "archives that are refused, with the reason",
        arguments: [
            ([], "directory is missing"), ([UInt8](repeating: 0x50, count: 100), "directory is missing"),
            (changed { $0.flags = 1 }, "'a' is encrypted"), (changed { $0.method = 12 }, "compressed by method 12"),
            (changed { $0.localName = "b" }, "another name in its own header"),
            (changed { $0.offset = 7 }, "is not at byte 7"),
            (changed { $0.offset = 4_000_000_000 }, "reach beyond the archive"),
            (changed { $0.size = 4 }, "claims 4 bytes in 3"),
            (changed { $0.localSize = 2 }, "claims 2 bytes in its own header and 3"),
            (
                changed {
                    $0.size = 2_000_000_000; $0.compressedSize = 2_000_000_000
                }, "reach beyond the archive"
            ),
            (
                changed {
                    $0.size = .max; $0.compressedSize = .max; $0.centralExtra = huge
                }, "reach beyond the archive"
            ),
            (
                changed {
                    $0.size = .max; $0.compressedSize = .max
                }, "reach beyond the archive"
            ),
            (zip([one, one]), "the name 'a' occurs twice"),
            (zip([one, TestZip.Entry(name: "a", data: [1, 2, 3], localName: "a", offset: 0)]), "occurs twice"),
            (zip { $0.disk = 1 }, "several disks"), (zip { $0.count = 5000 }, "cannot hold 5000 entries"),
            (zip { $0.count = 2 }, "cannot hold 2 entries"),
            (zip { $0.directoryOffset = 4_000_000_000 }, "passes its end record"),
            (zip { $0.directoryOffset = 3 }, "no directory record"),
            (
                zip { $0.beforeEnd = wideEnd(count: .max, size: .max, offset: .max, at: 0) },
                "zip64 end record is not where"
            ),
            (zip { $0.beforeEnd = wideEnd(count: 1, size: 47, offset: .max, at: 81) }, "passes its zip64 end record"),
            (
                zip {
                    $0.count = .max; $0.directoryOffset = .max;
                    $0.beforeEnd = wideEnd(count: .max, size: 47, offset: 34, at: 81)
                }, "claims 9223372036854775807 entries"
            ),
            (zip { $0.beforeEnd = wideEnd(count: 7, size: 47, offset: 34, at: 81) }, "end records disagree"),
        ] as [([UInt8], String)])
    func refuses(bytes: [UInt8], part: String) throws {
        let folder = try ScratchFolder()
        let file = try folder.write(bytes)
        let error = failure(of: ZipError.self) { _ = try ZipArchive(file: file) }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "no error")")
    }

    @Test(
        "a zip64 end record is followed, whether the fields after it are all ones or agree", arguments: [true, false])
    func readsWideEnd(isSaturated: Bool) throws {
        let bytes = ZipTests.zip { zip in
            zip.beforeEnd = ZipTests.wideEnd(count: 1, size: 47, offset: 34, at: 81)
            if isSaturated { (zip.count, zip.directoryOffset) = (.max, .max) }
        }
        let folder = try ScratchFolder()
        let archive = try ZipArchive(file: folder.write(bytes))
        #expect(try archive.contents(of: #require(archive.entry(named: "a")), limit: 3) == [1, 2, 3])
    }

    @Test("entries that overlap are refused")
    func refusesOverlaps() throws {
        // The second entry's header lies inside the first one's data.
        var inner = TestZip([TestZip.Entry(name: "b", data: [])]).bytes
        inner = Array(inner[..<31])
        let entries = [TestZip.Entry(name: "a", data: inner), TestZip.Entry(name: "b", data: [], offset: 31)]
        let folder = try ScratchFolder()
        let file = try folder.write(TestZip(entries).bytes)
        let error = failure(of: ZipError.self) { _ = try ZipArchive(file: file) }
        #expect(error?.description.contains("overlap") == true, "\(error?.description ?? "no error")")
    }

    @Test("more entries than the limit are refused before they are read")
    func limitsEntries() throws {
        let error = failure(of: ZipError.self) {
            _ = try ZipArchive(file: Fixture.file("zip/mixed.zip"), limits: ZipLimits(maxEntries: 2))
        }
        #expect(error == .tooLarge("it claims 3 entries, and the limit is 2"))
        #expect(throws: ZipError.self) { try ZipArchive(file: Fixture.file("zip/bzip2.zip")) }
    }

    @Test("contents are checked: sum, size and limit")
    func checksContents() throws {
        let folder = try ScratchFolder()
        func message(_ entry: TestZip.Entry, limit: Int = 1 << 40) throws -> String? {
            let archive = try ZipArchive(file: folder.write(TestZip([entry]).bytes))
            return failure(of: ZipError.self) { _ = try archive.contents(of: archive.entries[0], limit: limit) }?
                .description
        }
        #expect(try message(TestZip.Entry(name: "a", data: [1], crc: 7))?.contains("checksum") == true)
        #expect(try message(TestZip.Entry(name: "a", data: [1, 2]), limit: 1)?.contains("the limit is 1") == true)
        // 0x63 0x00 is deflate for one zero byte… and these claim other sizes.
        let zero: [UInt8] = [0x63, 0x00, 0x00]
        func deflated(_ data: [UInt8], _ size: UInt32) -> TestZip.Entry {
            TestZip.Entry(name: "a", data: data, method: 8, size: size, compressedSize: UInt32(data.count))
        }
        func local(_ entry: TestZip.Entry) -> TestZip.Entry {
            var entry = entry
            (entry.flags, entry.localSize) = (8, 0)
            return entry
        }
        #expect(try message(local(deflated(zero, 0)))?.contains("unpacks to more than the 0 bytes") == true)
        #expect(try message(local(deflated(zero, 2)))?.contains("unpacks to 1 of the 2 bytes") == true)
        #expect(try message(local(deflated(zero + [9], 1)))?.contains("bytes after its end") == true)
        #expect(try message(local(deflated([0x63], 1)))?.contains("ends early") == true)
        #expect(try message(local(deflated([0xFF, 0xFF], 1)))?.contains("is corrupt") == true)
        #expect(
            try message(local(deflated(zero, 4_000_000_000)))?.contains("cannot unpack to 4000000000 bytes") == true)
    }
}
