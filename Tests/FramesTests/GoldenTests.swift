import Formats
import Foundation
import Frames
import Platform
import TestSupport
import Testing

/// Frames of make_frames.py, and what Pillow, torchvision and OpenCV made of them.
@Suite("Preprocessing gives the published bytes", .enabled(if: Paths.hasGolden))
struct GoldenTests {
    private struct GoldenFrame {
        let name: String
        let frame: Frame
    }

    /// The arrays of bytes of preprocess.npz, by name.
    private static func expected() throws -> [String: [UInt8]] {
        let archive = try ZipArchive(file: MappedFile(path: Paths.shared! + "/golden/expected/preprocess.npz"))
        var arrays: [String: [UInt8]] = [:]
        for entry in archive.entries {
            let bytes = try archive.contents(of: entry, limit: 1 << 20)
            guard let outline = NPYOutline(front: bytes), outline.type == "|u1" else { continue }
            arrays[String(entry.name.dropLast(4))] = Array(bytes[outline.headerBytes...])
        }
        return arrays
    }

    private static func frames(_ names: [String]) throws -> [GoldenFrame] {
        let folder = try ScratchFolder()
        let program =
            "import sys, make_frames as m\n"
            + "for name in sys.argv[2:]:\n"
            + "    size, seed = name.split('_s')\n"
            + "    m.frame(*map(int, size.split('x')), int(seed)).tofile(f'{sys.argv[1]}/{name}')\n"
        let (status, output) = Paths.run(
            "env", ["PYTHONPATH=\(Paths.shared!)/golden", "python3", "-B", "-c", program, folder.path] + names)
        try #require(status == 0, "\(output)")
        return try names.map { name in
            let size = name.split(separator: "_")[0].split(separator: "x").compactMap { Int($0) }
            let bytes = try OpenFile(path: "\(folder.path)/\(name)").bytes()
            return GoldenFrame(name: name, frame: try Frame(width: size[0], height: size[1], bytes: bytes))
        }
    }

    private static func digest(_ bytes: [UInt8]) -> [UInt8] {
        var digest = SHA256()
        bytes.withUnsafeBytes { digest.update($0) }
        return digest.finalize()
    }

    @Test("of all golden frames: the square of 224 and 32, ten crops by torchvision and ten by the authors' demo")
    func allFrames() throws {
        let expected = try Self.expected()
        let names = expected.keys.filter { $0.hasSuffix("_frame_sha256") }.map { String($0.dropLast(13)) }.sorted()
        #expect(names.count >= 18, "too few frames were found for the rule to mean anything")
        let all: [Recipe] =
            [224, 32].compactMap { Recipe(.clip, crop: nil, resolution: $0) }
            + [.clip, .vadclip].flatMap { kind in
                Recipe.crops.compactMap { Recipe(kind, crop: $0, resolution: 224) }
            }
        try #require(all.count == 22)
        var together = Preprocessor(all)
        for golden in try Self.frames(names) {
            let name = golden.name
            #expect(golden.frame.withUnsafeBytes { Self.digest(Array($0)) } == expected[name + "_frame_sha256"])
            let images = together.images(of: golden.frame)
            #expect(Self.digest(images[0]) == expected[name + "_sha256"], "\(name), square")
            #expect(images[1] == expected[name + "_image32"], "\(name), square of 32")
            #expect(images[2..<12].flatMap(Self.digest) == expected[name + "_ten_sha256"], "\(name), ten")
            #expect(images[12..<22].flatMap(Self.digest) == expected[name + "_opencv_sha256"], "\(name), opencv")
            for (index, recipe) in all.enumerated() {
                var alone = Preprocessor([recipe])
                #expect(alone.images(of: golden.frame) == [images[index]], "\(name), \(recipe.text) alone")
            }
        }
    }
}
