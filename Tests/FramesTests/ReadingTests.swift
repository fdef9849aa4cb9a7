import Formats
import Foundation
import Frames
import Platform
import TestSupport
import Testing

@Suite("Frames are read one after the other")
struct ReadingTests {
    /// What comes of a source: sizes and bytes, or why none.
    private func read(_ source: some FrameSource) throws -> [(size: String, bytes: [UInt8])] {
        var source = source
        var frame: Frame?
        var found: [(size: String, bytes: [UInt8])] = []
        while try source.next(into: &frame) {
            let frame = try #require(frame)
            found.append(("\(frame.width)x\(frame.height)", frame.withUnsafeBytes { Array($0) }))
        }
        return found
    }

    private func maps(_ text: String, _ bytes: [UInt8] = []) throws -> [(size: String, bytes: [UInt8])] {
        try read(PortableMaps(ByteSource(Array(text.utf8) + bytes, path: "x.ppm")))
    }

    private func npy(
        _ shape: String, _ bytes: [UInt8], type: String = "'|u1'", order: String = "False"
    ) throws -> [(size: String, bytes: [UInt8])] {
        let header = "{'descr': \(type), 'fortran_order': \(order), 'shape': \(shape), }\n"
        let front: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, UInt8(header.utf8.count), 0]
        return try read(ArrayFrames(ByteSource(front + Array(header.utf8) + bytes, path: "x.npy")))
    }

    /// What is wrong, of which each word is expected.
    private func refused(_ words: String..., by work: () throws -> Void) {
        let reason = failure(of: FrameError.self, work)?.reason ?? "nothing was wrong"
        for word in words { #expect(reason.contains(word), "\(reason)") }
    }

    @Test("PPM with comments, grey PGM, and several images of several sizes in one file")
    func portableMaps() throws {
        let one = try maps("P6 # a comment\n# another\n2\t1\n255\n", [1, 2, 3, 4, 5, 6])
        #expect(one.map(\.size) == ["2x1"] && one[0].bytes == [1, 2, 3, 4, 5, 6])
        let two = try maps("P5\n1 2\n255\n", [7, 10] + Array("P6\n1 1\n255\n".utf8) + [1, 2, 3])
        #expect(two.map(\.size) == ["1x2", "1x1"])
        #expect(two[0].bytes == [7, 7, 7, 10, 10, 10] && two[1].bytes == [1, 2, 3])
        #expect(try maps("").isEmpty)
        // A raster may begin with what looks like a blank or a comment.
        #expect(try maps("P6\n1 1\n255\n", [10, 35, 32])[0].bytes == [10, 35, 32])
    }

    @Test("samples of any depth become bytes, rounded")
    func depths() throws {
        #expect(try maps("P5 3 1 1 ", [0, 1, 0])[0].bytes == [0, 0, 0, 255, 255, 255, 0, 0, 0])
        #expect(try maps("P6 1 1 15 ", [0, 7, 15])[0].bytes == [0, 119, 255])
        #expect(try maps("P6 1 1 65535 ", [0, 127, 0, 128, 255, 255])[0].bytes == [0, 0, 255])
        #expect(try maps("P6 1 1 65535 ", [0, 128, 0, 129, 0x80, 0])[0].bytes == [0, 1, 128])
        #expect(try maps("P5 1 1 1000 ", [3, 232])[0].bytes == [255, 255, 255])
        refused("sample is 16", "maxval 15") { _ = try maps("P6 1 1 15 ", [0, 7, 16]) }
    }

    @Test("hostile images are refused with what was found")
    func hostileMaps() {
        refused("frame 0", "width is 99999999", "16384") { _ = try maps("P6\n99999999 1\n255\n") }
        refused("width is", "16384") { _ = try maps("P6\n" + String(repeating: "9", count: 9_000) + " 1\n255\n") }
        refused("height is 0") { _ = try maps("P6 1 0 255 ") }
        refused("maxval is 65536") { _ = try maps("P6 1 1 65536 ") }
        refused("ends after 0 of the 805306368 bytes") { _ = try maps("P6 16384 16384 255 ") }
        refused("ends after 5 of the 6 bytes") { _ = try maps("P6 2 1 255 ", [1, 2, 3, 4, 5]) }
        refused("ends in its header", "height") { _ = try maps("P6 2 ") }
        refused("header is longer") { _ = try maps("P6 #" + String(repeating: "x", count: 20_000)) }
        refused("byte 45", "width") { _ = try maps("P6 -1 1 255 ") }
        refused("byte 46", "behind the width") { _ = try maps("P6 1.5 1 255 ") }
        refused("frame 1", "byte 14", "behind the last image") {
            _ = try maps("P6 1 1 255 ", [1, 2, 3] + Array("\nP6".utf8))
        }
        refused("does not begin with P6 or P5") { _ = try maps("P64 4 255 ") }
        refused("in text", "pnmtopnm") { _ = try maps("P3\n1 1\n255\n1 2 3\n") }
        refused("P7") { _ = try maps("P7\nWIDTH 1\n") }
        refused("does not begin") { _ = try maps("GIF89a") }
    }

    @Test("arrays of frames: colours, grey, one frame alone, none")
    func arrays() throws {
        #expect(try npy("(2, 1, 1, 3)", [1, 2, 3, 4, 5, 6]).map(\.bytes) == [[1, 2, 3], [4, 5, 6]])
        #expect(try npy("(2, 1, 2)", [1, 2, 3, 4]).map(\.bytes) == [[1, 1, 1, 2, 2, 2], [3, 3, 3, 4, 4, 4]])
        #expect(try npy("(1, 2, 1, 1)", [1, 2]).map(\.size) == ["1x2"])
        #expect(try npy("(1, 2, 3)", [1, 2, 3, 4, 5, 6]).map(\.size) == ["2x1"])
        #expect(try npy("(0, 4, 4, 3)", []).isEmpty)
    }

    @Test("arrays that are no frames are refused with what to do")
    func hostileArrays() {
        refused("'<f4'", "uint8") { _ = try npy("(1, 1, 1, 3)", [], type: "'<f4'") }
        refused("vigil score") { _ = try npy("(7, 512)", [], type: "'<f4'") }
        refused("structured") { _ = try npy("(1, 1, 1, 3)", [], type: "[('a', '|u1')]") }
        refused("Fortran", "ascontiguousarray") { _ = try npy("(1, 1, 1, 3)", [1, 2, 3], order: "True") }
        refused("[..., :3]") { _ = try npy("(1, 2, 2, 4)", []) }
        refused("transpose(0, 2, 3, 1)") { _ = try npy("(1, 3, 8, 8)", []) }
        refused("[5]", "[N, H, W, 3]") { _ = try npy("(5,)", [1, 2, 3, 4, 5]) }
        refused("16385x1") { _ = try npy("(1, 1, 16385, 3)", []) }
        refused("0x1") { _ = try npy("(1, 1, 0, 3)", []) }
        refused("claims") { _ = try npy("(9000000000000, 1, 1, 3)", []) }
        refused("2 bytes follow", "expected 3") { _ = try npy("(1, 1, 1, 3)", [1, 2]) }
        refused("4 bytes follow", "expected 3") { _ = try npy("(1, 1, 1, 3)", [1, 2, 3, 4]) }
        refused("more than there can be") { _ = try npy("(1000000000000, 16384, 16384, 3)", [1]) }
        refused("header claims 65547 bytes") {
            let bytes: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 2, 0, 255, 255, 0, 0]
            _ = try ArrayFrames(ByteSource(bytes, path: "x.npy"))
        }
        refused("no .npy") { _ = try ArrayFrames(ByteSource([], path: "x.npy")) }
    }

    @Test(
        "an array of bytes that is nearly one of frames is told what extraction would say; all else is none of its business"
    )
    func faults() throws {
        func fault(_ shape: String, type: String = "'|u1'", order: String = "False") throws -> String? {
            let header = "{'descr': \(type), 'fortran_order': \(order), 'shape': \(shape), }\n"
            let front: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, UInt8(header.utf8.count), 0]
            return ArrayFrames.fault(of: try #require(NPYOutline(front: front + Array(header.utf8))))?.reason
        }
        #expect(try fault("(2, 3, 8, 8)")?.contains("transpose(0, 2, 3, 1)") == true)
        #expect(try fault("(2, 8, 8, 4)")?.contains("[..., :3]") == true)
        #expect(try fault("(2, 8, 8, 3)", order: "True")?.contains("Fortran") == true)
        #expect(try fault("(2, 8, 8, 3)") == nil && fault("(2, 8, 8)") == nil)
        #expect(try fault("(2, 512)") == nil && fault("(2, 3, 8, 8)", type: "'<f4'") == nil)
    }

    @Test("raw frames, which are whole or refused, of a file before any is read and of a pipe when it ends")
    func raw() throws {
        let size = try #require(FrameSize(width: 2, height: 1))
        let bytes: [UInt8] = Array(1...12)
        #expect(
            try read(RawFrames(ByteSource(bytes, path: "-"), size: size)).map(\.bytes) == [
                Array(1...6), Array(7...12),
            ])
        refused("7 bytes", "2x1", "6") { _ = try RawFrames(ByteSource(Array(1...7), path: "-"), size: size) }
        var ends: [CInt] = [0, 0]
        try #require(pipe(&ends) == 0)
        _ = Array(1...7 as ClosedRange<UInt8>).withUnsafeBytes { Descriptor(ends[1]).write($0) }
        close(ends[1])
        defer { close(ends[0]) }
        refused("frame 1 ends after 1 of the 6 bytes") {
            _ = try read(RawFrames(ByteSource(reading: ends[0], path: "-"), size: size))
        }
        #expect(FrameSize(width: 0, height: 1) == nil && FrameSize(width: 1, height: 16_385) == nil)
    }

    @Test("the beginning of a pipe that was read already comes first, and then the rest to its end")
    func rest() throws {
        var ends: [CInt] = [0, 0]
        try #require(pipe(&ends) == 0)
        let pixels = (0..<4_800).map { UInt8($0 % 251) }
        let first = Array("P6 40 40 255 ".utf8) + pixels.dropLast()
        let second = [pixels[4_799]] + Array("P5 1 1 255 ".utf8) + [4]
        _ = first.withUnsafeBytes { Descriptor(ends[1]).write($0) }
        let front = try MappedFile(readingFrom: ends[0], path: "-", limit: 1 << 20) { _ in true }
        _ = second.withUnsafeBytes { Descriptor(ends[1]).write($0) }
        close(ends[1])
        let source = ByteSource(front, then: ends[0], isClosed: true)
        #expect(try read(PortableMaps(source)).map(\.bytes) == [pixels, [4, 4, 4]])
        #expect(source.taken == first.count + second.count && source.count == nil)
    }

    @Test("a frame of a pipe, whose memory grows as it comes, is whole, and one that ends on the way is refused")
    func largeFrames() throws {
        let size = try #require(FrameSize(width: 2_000, height: 1_501))
        let count = 2_000 * 1_501 * 3
        let bytes = (0..<2 * count).map { UInt8(truncatingIfNeeded: $0 &+ $0 >> 9 &* 31) }
        func piped(_ bytes: [UInt8]) throws -> ByteSource {
            var ends: [CInt] = [0, 0]
            try #require(pipe(&ends) == 0)
            close(ends[1])
            let source = ByteSource(try ScratchFolder().write(bytes), then: ends[0], isClosed: true)
            #expect(source.remaining == nil, "nobody knows how much comes")
            return source
        }
        let frames = try read(RawFrames(try piped(bytes), size: size))
        let isSame = frames.map(\.bytes) == [Array(bytes[..<count]), Array(bytes[count...])]
        #expect(isSame)
        let map = try read(PortableMaps(try piped(Array("P6 2000 1501 255 ".utf8) + bytes[..<count])))
        let isMapSame = map.map(\.bytes) == [Array(bytes[..<count])]
        #expect(isMapSame)
        for most in [count - 1, (8 << 20) + 1, 4 << 20] {
            refused("frame 0 ends after \(most) of the \(count) bytes") {
                _ = try read(RawFrames(try piped(Array(bytes[..<most])), size: size))
            }
        }
    }

    @Test("a folder is one video, its files in the order of the numbers in their names")
    func folder() throws {
        let folder = try ScratchFolder()
        for (name, value) in [("f10.ppm", 3), ("f9.ppm", 2), ("f009.pgm", 1), ("f10b.PPM", 4)] {
            let isGrey = name.hasSuffix("pgm")
            _ = try folder.write(
                Array("P\(isGrey ? 5 : 6) 1 1 255 ".utf8) + [UInt8](repeating: UInt8(value), count: isGrey ? 1 : 3),
                to: name)
        }
        _ = try folder.write([1], to: "notes.txt")
        _ = try folder.write([1], to: ".hidden.ppm")
        let frames = try FolderFrames(folder: folder.path)
        #expect(try read(frames).map { $0.bytes[0] } == [1, 2, 3, 4])
        #expect(frames.files.map { $0.split(separator: "/").last } == ["f009.pgm", "f9.ppm", "f10.ppm", "f10b.PPM"])
        _ = try folder.write([], to: "f11.ppm")
        refused("f11.ppm", "empty") { _ = try read(FolderFrames(folder: folder.path)) }
        // Nobody writes to it: whoever waited for it would wait for ever.
        let waiting = try ScratchFolder()
        try #require(mkfifo(waiting.path + "/a.ppm", 0o600) == 0)
        refused("a.ppm is a pipe") { _ = try read(FolderFrames(folder: waiting.path)) }
        let empty = try ScratchFolder()
        _ = try empty.write([1], to: "a.png")
        refused("no .ppm", "'a.png'") { _ = try FolderFrames(folder: empty.path) }
        refused("can't be read") { _ = try FolderFrames(folder: empty.path + "/absent") }
    }

    @Test("a file whose name is no UTF-8 is refused, and not taken for one that is called nearly so")
    func names() throws {
        let folder = try ScratchFolder()
        _ = try folder.write(Array("P5 1 1 255 a".utf8), to: "f\u{FFFD}.ppm")
        #expect(try FolderFrames(folder: folder.path).files.count == 1)
        let name = Array((folder.path + "/f").utf8) + [0xE9] + Array(".ppm".utf8) + [0]
        let file = creat(name.map { CChar(bitPattern: $0) }, 0o600)
        try #require(file >= 0)
        close(file)
        refused("f\u{FFFD}.ppm", "not UTF-8") { _ = try FolderFrames(folder: folder.path) }
    }
}
