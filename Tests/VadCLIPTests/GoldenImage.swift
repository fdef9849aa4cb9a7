import Formats
import Foundation
import Platform
import Tensors
import TestSupport
import Testing

@testable import CLIP
@testable import VadCLIP

/// A golden frame, cropped, and what the published tower makes of it.
struct GoldenImage {
    let name: String
    let image: [UInt8]
    let features: [Float]
    /// The class token's rows behind the first LayerNorm and behind each block.
    let classRows: [Float]?

    /// The tower of a golden checkpoint.
    static func tower(_ config: String, _ kernels: Kernels) throws -> ImageTower {
        let source = try ImageSource(file: MappedFile(path: Golden.checkpoint(config)))
        return try ImageTower(
            from: source, configuration: source.configuration, in: Preparation(kernels: kernels))
    }

    /// The frames whose cropped bytes are at hand: as small images, as the tower's input, or as a frame that is not changed.
    static func all(_ config: String, side: Int) throws -> [GoldenImage] {
        let golden = try #require(Paths.shared) + "/golden/expected/"
        let arrays = try Golden.arrays(golden + "image_\(config).npz") { _ in true }
        let kept = arrays.keys.filter { $0.hasSuffix("_features") }.sorted()
        let names = kept.map { String($0.dropLast("_features".count)) }
        let small = side == 32 ? try images32(names) : [:]
        return try zip(kept, names).compactMap { key, name in
            let image: [UInt8]
            if let input = arrays[name + "_input"] {
                image = bytes(ofInput: input.values, side: side)
            } else if let found = small[name] {
                image = found
            } else if name == "224x224_s1003", side == 224 {
                image = try frame(name, seed: 1003, side: side)
            } else {
                return nil
            }
            let rows =
                arrays[name + "_class_rows"]?.values
                ?? arrays[name + "_ln_pre"].flatMap { first in
                    arrays[name + "_block0"].map { Array(first.values.prefix(64)) + $0.values.prefix(64) }
                }
            let features = try #require(arrays[key]?.values)
            return GoldenImage(name: name, image: image, features: features, classRows: rows)
        }
    }

    /// The bytes that were normalised, from planes R, G, B.
    private static func bytes(ofInput planes: [Float], side: Int) -> [UInt8] {
        (0..<side * side).flatMap { pixel in
            (0..<3).map { colour in
                let value = Double(planes[colour * side * side + pixel])
                return UInt8(((value * Colours.deviation[colour] + Colours.mean[colour]) * 255).rounded())
            }
        }
    }

    /// The squares of 32 pixels among the preprocessing's golden data.
    private static func images32(_ names: [String]) throws -> [String: [UInt8]] {
        let path = "\(Paths.scratch)/images32"
        let golden = (Paths.shared ?? "") + "/golden/expected/preprocess.npz"
        let program =
            "import sys, numpy as np; a = np.load(sys.argv[1]); "
            + "open(sys.argv[2], 'wb').write(b''.join(a[n + '_image32'].tobytes() for n in sys.argv[3:]))"
        let (status, output) = Paths.run("python3", ["-B", "-c", program, golden, path] + names)
        try #require(status == 0, "\(output)")
        let bytes = try MappedFile(path: path).withUnsafeBytes { Array($0) }
        let size = 3 * 32 * 32
        try #require(bytes.count == names.count * size)
        return Dictionary(
            uniqueKeysWithValues: names.enumerated().map { ($1, Array(bytes[$0 * size..<($0 + 1) * size])) })
    }

    private static func frame(_ name: String, seed: Int, side: Int) throws -> [UInt8] {
        let path = "\(Paths.scratch)/\(name).ppm"
        let script = (Paths.shared ?? "") + "/golden/make_frames.py"
        let (status, output) = Paths.run(
            "python3", ["-B", script, "--size", "\(side)x\(side)", "--seed", "\(seed)", "--out", path])
        try #require(status == 0, "\(output)")
        let file = try MappedFile(path: path)
        return file.withUnsafeBytes { Array($0.suffix(3 * side * side)) }
    }
}
