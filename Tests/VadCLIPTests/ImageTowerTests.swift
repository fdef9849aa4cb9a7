import Foundation
import Platform
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import CLIP
@testable import VadCLIP

/// Features of CLIP's image tower against those of the published implementation.
@Suite("The image tower's parity with the published implementation", .serialized)
struct ImageTowerTests {
    @Test(
        "the tiny tower gives the published features and rows with every instruction set of this processor",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"), arguments: Kernels.available.map(\.name))
    func tinyTower(kernels: String) throws {
        let tower = try GoldenImage.tower("tiny", .named(kernels))
        let cases = try GoldenImage.all("tiny", side: 32)
        #expect(cases.count == 12)
        try expect(tower, gives: cases, within: 1e-5)
        #expect(tower.configuration == .init(width: 64, outputWidth: 64, layers: 1, patch: 16, grid: 2))
    }

    @Test(
        "the tower of ViT-B/16's size gives the published features, and class rows behind every block",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"))
    func largeTower() throws {
        let tower = try GoldenImage.tower("ucf", .available[0])
        let cases = try GoldenImage.all("ucf", side: 224)
        #expect(cases.count == 2 && cases.contains { $0.classRows != nil })
        try expect(tower, gives: cases, within: 1e-5)
    }

    @Test(
        "an image's feature is the same bits alone, in any batch, and by any number of threads",
        .enabled(if: Paths.hasGolden, "needs ../shared and numpy"))
    func sameBits() throws {
        let tower = try GoldenImage.tower("tiny", .available[0])
        let images = try GoldenImage.all("tiny", side: 32).map(\.image)
        let alone = ImageScratch(for: tower, images: 1)
        let expected = images.flatMap { tower.encode([$0], with: alone).values }
        for (batch, threads) in [(1, 2), (5, 1), (5, 3), (12, 2), (40, 4)] {
            let many = (0..<5).flatMap { _ in images }
            let found = tower.encode(many, with: ImageScratch(for: tower, images: batch, crew: Threads(count: threads)))
            #expect(found.rows == many.count && found.columns == tower.outputWidth)
            #expect(found.values == (0..<5).flatMap { _ in expected }, "\(batch) images, \(threads) threads")
        }
    }

    @Test("so it is at ViT-B/16's width and rows, with random weights")
    func sameBitsWide() throws {
        let shape = ImageTower.Configuration(width: 768, outputWidth: 512, layers: 2, patch: 16, grid: 14)
        let tower = try ImageTower(from: Noise(), configuration: shape, in: Preparation(kernels: .available[0]))
        var random = SplitMix64(state: 7)
        let images = (0..<4).map { _ in
            (0..<3 * 224 * 224).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
        let alone = ImageScratch(for: tower, images: 1)
        let expected = images.flatMap { tower.encode([$0], with: alone).values }
        #expect(expected.allSatisfy(\.isFinite) && Set(expected).count > 1_000)
        for (batch, threads) in [(1, 2), (3, 1), (4, 1), (4, 2), (4, 3)] {
            let found = tower.encode(
                images, with: ImageScratch(for: tower, images: batch, crew: Threads(count: threads)))
            #expect(found.values == expected, "\(batch) images, \(threads) threads")
        }
    }

    @Test("rows are cut into parts that fill no more than is reserved, and are shared evenly")
    func parts() {
        for rows in [1, 5, 12, 197, 205, 394, 788, 3_152, 577 * 3] {
            for threads in 1...5 {
                let parts = RowParts(rows: rows, threads: threads)
                let all = (0..<parts.count).map { parts[$0] }
                #expect(all.flatMap(Array.init) == Array(0..<rows))
                #expect(all.allSatisfy { $0.count <= RowParts.most && !$0.isEmpty })
            }
        }
        let two = RowParts(rows: 788, threads: 2)
        #expect(two.count == 4 && (0..<4).allSatisfy { abs(two[$0].count - 197) <= 12 })
    }

    @Test("shapes tell of ViT-B/16, B/32 and L/14, and what is none of them is refused")
    func shapes() throws {
        func shape(_ width: Int, _ patch: Int, _ rows: Int, _ layers: Int, _ out: Int) throws -> String {
            "\(try ImageTower.Configuration(of: Shapes(width, patch, rows, layers, out)))"
        }
        #expect(
            try shape(768, 16, 197, 12, 512)
                == "ViT-B/16, 224 pixels, 14 x 14 patches, width 768, 12 blocks, features 512 wide")
        #expect(try shape(768, 32, 50, 12, 512).begins(with: "ViT-B/32, 224 pixels, 7 x 7 patches"))
        #expect(try shape(1_024, 14, 257, 24, 768).begins(with: "ViT-L/14, 224 pixels, 16 x 16 patches"))
        #expect(try shape(1_024, 14, 577, 24, 768).begins(with: "ViT-L/14, 336 pixels"))
        for (width, patch, rows, layers, out) in [
            (100, 16, 197, 12, 512), (1_280, 14, 257, 32, 1_024), (640, 16, 197, 12, 512), (768, 16, 198, 12, 512),
            (768, 16, 1, 12, 512), (768, 65, 50, 12, 512),
            (768, 16, 197, 0, 512), (768, 16, 197, 65, 512), (768, 16, 197, 12, 10_000),
        ] {
            #expect(throws: WeightError.self, "\(width) \(patch) \(rows) \(layers) \(out)") {
                try shape(width, patch, rows, layers, out)
            }
        }
    }

    private func expect(_ tower: ImageTower, gives cases: [GoldenImage], within tolerance: Float) throws {
        let scratch = ImageScratch(for: tower, images: cases.count)
        let features = tower.encode(cases.map(\.image), with: scratch)
        for (row, one) in cases.enumerated() {
            expectClose(Array(features[row: row]), one.features, within: tolerance, one.name)
            guard let classRows = one.classRows else { continue }
            var seen: [Float] = []
            _ = tower.run([one.image], scratch) { seen += $0.rows(0..<1).values() }
            expectClose(seen, classRows, within: tolerance, one.name + " class rows")
        }
    }
}

/// Threads made for each piece of work: slow, but enough to see that nothing is shared that must not be.
struct Threads: TaskSharing {
    let count: Int
    var threads: Int { count }

    func run(_ tasks: Int, _ body: @escaping (Int, Int) -> Void) {
        nonisolated(unsafe) let body = body
        let next = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: count) { thread in
            while true {
                let task = next.withLock { next in
                    defer { next += 1 }
                    return next
                }
                guard task < tasks else { return }
                body(task, thread)
            }
        }
    }
}

/// Random values of the usual sizes.
struct Noise: WeightSource {
    func shape(of name: String) -> [Int]? { nil }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        var random = SplitMix64(state: UInt64(name.utf8.count))
        let scale = shape.count > 1 ? 1.7 / Float(shape.dropFirst().reduce(1, *)).squareRoot() : 1
        return (0..<shape.reduce(1, *)).map { _ in scale * (2 * Float(random.unit()) - 1) }
    }
}

/// The shapes of a tower, without values.
private struct Shapes: WeightSource {
    private let shapes: [String: [Int]]

    init(_ width: Int, _ patch: Int, _ rows: Int, _ layers: Int, _ out: Int) {
        var shapes = [
            ImageTower.Names.patches: [width, 3, patch, patch], ImageTower.Names.positions: [rows, width],
            ImageTower.Names.projection: [width, out],
        ]
        for layer in 0..<layers { shapes[ImageTower.Names.block(layer) + ".ln_1.weight"] = [width] }
        self.shapes = shapes
    }

    func shape(of name: String) -> [Int]? { shapes[name] }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] { [] }
}
