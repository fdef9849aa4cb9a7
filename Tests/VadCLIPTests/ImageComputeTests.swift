import Formats
import Foundation
import Platform
import Tensors
import TestSupport
import Testing

@testable import CLIP
@testable import VadCLIP

/// Features of CLIP's image tower in bfloat16 and int8: how near they are to float32's, what an import records of them,
/// and what is refused.
@Suite("The image tower in fewer bits", .serialized)
struct ImageComputeTests {
    private static let fewer: [Compute] = [.bfloat16, .int8]
    /// The lowest cosine that features may have with float32's.
    private static let leastCosine: [Compute: Double] = [.bfloat16: 0.9999, .int8: 0.9995]

    private static func cosine(_ a: some Collection<Float>, _ b: some Collection<Float>) -> Double {
        var (product, own, other) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            product += Double(x) * Double(y)
            own += Double(x) * Double(x)
            other += Double(y) * Double(y)
        }
        return product / (own.squareRoot() * other.squareRoot())
    }

    @Test(
        "the tiny tower's golden features are met by every instruction set of this processor, and are others",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"), arguments: Kernels.available, fewer)
    func tiny(kernels: Kernels, compute: Compute) throws {
        let kernels = kernels.computing(compute)
        let tower = try GoldenImage.tower("tiny", kernels)
        let cases = try GoldenImage.all("tiny", side: 32)
        let features = tower.encode(cases.map(\.image), with: ImageScratch(for: tower, images: cases.count))
        let least = try #require(Self.leastCosine[compute])
        for (row, one) in cases.enumerated() {
            let found = Self.cosine(features[row: row], one.features)
            #expect(found >= least && found < 1, "\(one.name): \(found) by \(kernels.described)")
        }
    }

    /// Bytes are centred: over a patch of one brightness weights' errors would add up, and were ten times as much.
    @Test(
        "those of the tower of ViT-B/16's size are met too, and frames of one brightness are no further off than others",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"))
    func large() throws {
        let kernels = Kernels.available[0]
        let golden = try GoldenImage.all("ucf", side: 224)
        let plain: [[UInt8]] = [0, 127, 255].map { [UInt8](repeating: $0, count: 3 * 224 * 224) }
        let images = golden.map(\.image) + plain
        func features(_ compute: Compute) throws -> Matrix {
            let tower = try GoldenImage.tower("ucf", kernels.computing(compute))
            return tower.encode(images, with: ImageScratch(for: tower, images: images.count))
        }
        let exact = try features(.float32)
        for (compute, least) in [(Compute.bfloat16, 0.99998), (.int8, 0.9999)] {
            let found = try features(compute)
            for row in images.indices {
                let name = row < golden.count ? golden[row].name : "all \(images[row][0])"
                let expected = row < golden.count ? golden[row].features[...] : exact[row: row]
                let cosine = Self.cosine(found[row: row], expected)
                #expect(cosine >= least && cosine < 1, "\(name) in \(compute.rawValue): \(cosine)")
            }
        }
    }

    @Test("an image's feature is the same bits alone, in any batch, and by any number of threads", arguments: fewer)
    func sameBits(compute: Compute) throws {
        for kernels in Kernels.available {
            // Rows of a batch are more than a product prepares at a time.
            let shape = ImageTower.Configuration(width: 192, outputWidth: 64, layers: 2, patch: 16, grid: 9)
            let tower = try ImageTower(
                from: Noise(), configuration: shape, in: Preparation(kernels: kernels.computing(compute)))
            var random = SplitMix64(state: 7)
            let images = (0..<7).map { _ in
                (0..<3 * 144 * 144).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            }
            let alone = ImageScratch(for: tower, images: 1)
            let expected = images.flatMap { tower.encode([$0], with: alone).values }
            #expect(expected.allSatisfy(\.isFinite) && Set(expected).count > 100)
            for (batch, threads) in [(1, 2), (3, 1), (7, 1), (7, 3)] {
                let found = tower.encode(
                    images, with: ImageScratch(for: tower, images: batch, crew: Threads(count: threads)))
                #expect(found.values == expected, "\(kernels.name): \(batch) images, \(threads) threads")
            }
        }
    }

    private func importTiny(_ change: (inout ImportOptions) -> Void = { _ in }) throws -> String {
        var options = ImportOptions()
        options.preset = Preset.named("ucf-crime")
        options.keepImageTower = true
        change(&options)
        let path = "\(Paths.scratch)/image-compute-\(UUID().uuidString).safetensors"
        _ = try ModelImporter(checkpoint: MappedFile(path: Golden.checkpoint("tiny")), options: options).write(to: path)
        return path
    }

    private func open(_ path: String, _ kernels: Kernels) throws -> KeptImageTower {
        try KeptImageTower.open(MappedFile(path: path), kernels: kernels)
    }

    private func feature(_ tower: ImageTower) -> [Float] {
        tower.encode([ImageSelfTest.image(side: tower.resolution)], with: ImageScratch(for: tower, images: 1)).values
    }

    @Test(
        "a tower prepared for an arithmetic gives the same bits as one prepared when it is read",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"))
    func prepared() throws {
        let source = try ImageSource(file: MappedFile(path: Golden.checkpoint("tiny")))
        for kernels in Kernels.available {
            let plain = try importTiny()
            let path = try importTiny {
                $0.prepared = kernels
                $0.computes = Compute.allCases
            }
            let file = try SafetensorsFile(file: MappedFile(path: path))
            for compute in Compute.allCases {
                let kernels = kernels.computing(compute)
                let kept = try open(path, kernels)
                #expect(
                    try feature(kept.tower()) == feature(open(plain, kernels).tower()), "\(kernels.described)")
                let section = try #require(
                    PreparedSection(in: file, image: kept.configuration, kernels: kernels))
                let preparation = Preparation(kernels: kernels)
                _ = try ImageTower(from: source, configuration: source.configuration, in: preparation)
                for (name, floats) in preparation.blocks {
                    let stored = section.block(name, count: floats.count)
                    #expect(
                        stored?.withFloats { $0.map(\.bitPattern) } == floats.withFloats { $0.map(\.bitPattern) },
                        "\(name)")
                }
            }
            #expect(ModelFile.preparedComputes(of: file) == Compute.allCases)
        }
    }

    @Test(
        "an import records how far off each arithmetic is, of weights in every precision, alone and with a model",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"))
    func recorded() throws {
        for precision in WeightPrecision.allCases {
            let alone = "\(Paths.scratch)/image-compute-\(UUID().uuidString).safetensors"
            try ImageImporter(file: MappedFile(path: Golden.checkpoint("tiny")), precision: precision, prepared: [])
                .write(to: alone)
            let kept = try open(importTiny { $0.precision = precision }, .available[0])
            let others = try open(alone, .available[0]).differences
            #expect(kept.differences == others)
            let (bfloat16, int8) = (try #require(kept.differences[.bfloat16]), try #require(kept.differences[.int8]))
            #expect(kept.differences.count == 2)
            #expect(bfloat16.largest > 0 && bfloat16.cosine >= 0.9999)
            #expect(int8.largest > bfloat16.largest && int8.cosine >= 0.9995)
        }
    }

    @Test(
        "a tower is refused in what it was not checked in, by name; an older file's stays readable and is float32's",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"), arguments: fewer)
    func unchecked(compute: Compute) throws {
        let path = try importTiny()
        let key = "image_compute.\(compute.rawValue)"
        for text in [nil, "", "a b", "0.1", "0.1 1 1", "nan 1", "-0.1 1", "inf 1", "0.1 0.9", "0.1 nan", "0.1 2"] {
            let older = try changed(path, key, to: text)
            for kernels in Kernels.available {
                let error = failure(of: ModelError.self) { _ = try open(older, kernels.computing(compute)).tower() }
                #expect(error == .imageComputeUnchecked(compute), "\(String(describing: text))")
                #expect(error?.description.contains(compute.rawValue) == true)
                #expect(try feature(open(older, kernels).tower()) == feature(open(path, kernels).tower()))
                // What is scored has its own checks.
                let (model, test) = try ModelFile.load(
                    MappedFile(path: older), kernels: kernels.computing(compute))
                try test.run(on: model)
            }
        }
    }

    @Test(
        "a tower is refused in what is further off than was recorded",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"), arguments: fewer)
    func outside(compute: Compute) throws {
        let path = try changed(importTiny(), "image_compute.\(compute.rawValue)", to: "0.00001 1")
        let kernels = Kernels.available[0].computing(compute)
        let error = failure(of: ModelError.self) { _ = try open(path, kernels).tower() }
        guard case .imageTestFailed(let name, _, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(name == kernels.described)
    }

    /// A copy of a file with another text under a key, or with none.
    private func changed(_ path: String, _ key: String, to text: String?) throws -> String {
        let file = try SafetensorsFile(file: MappedFile(path: path))
        var metadata = file.metadata
        metadata[ByteText(key)] = text
        let other = "\(Paths.scratch)/image-compute-\(UUID().uuidString).safetensors"
        try SafetensorsWriter(
            metadata: metadata,
            tensors: file.tensors.map { tensor in
                .init(name: tensor.name, elementType: tensor.elementType, shape: tensor.shape) { sink in
                    try file.withBytes(of: tensor) { try sink($0) }
                }
            }
        ).write(to: other)
        return other
    }
}
