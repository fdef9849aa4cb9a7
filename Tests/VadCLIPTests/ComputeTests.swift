import Formats
import Foundation
import Platform
import Tensors
import TestSupport
import Testing

@testable import VadCLIP

@Suite("Scoring in fewer bits")
struct ComputeTests {
    private let writer = ModelFileWriter()
    private static let fewer: [Compute] = [.bfloat16, .int8]

    private func worst(_ a: Logits, _ b: Logits) -> Float {
        zip(a.coarse + a.fine, b.coarse + b.fine).map { abs($0 - $1) }.max() ?? .infinity
    }

    @Test(
        "logits are near float32's, and others", arguments: Kernels.available, fewer)
    func near(kernels: Kernels, compute: Compute) throws {
        let path = try writer.file(checked: Self.fewer)
        let exact = try writer.logits(path, kernels)
        let difference = worst(try writer.logits(path, kernels.computing(compute)), exact)
        #expect(difference > 0 && difference < 0.5, "off by \(difference)")
    }

    @Test("a model is refused in what it was not checked in, by name", arguments: fewer)
    func unchecked(compute: Compute) throws {
        let other = Self.fewer.filter { $0 != compute }
        let path = try writer.file(checked: other)
        for kernels in Kernels.available {
            let error = #expect(throws: ModelError.self) { try writer.logits(path, kernels.computing(compute)) }
            #expect(error == .computeUnchecked(compute) && error?.description.contains(compute.rawValue) == true)
            _ = try writer.logits(path, kernels.computing(other[0]))
            _ = try writer.logits(path, kernels)
        }
    }

    @Test("a model is refused in what is further off than was recorded, or too far off to be used", arguments: fewer)
    func outside(compute: Compute) throws {
        let path = try writer.file(checked: Self.fewer)
        let file = try SafetensorsFile(file: MappedFile(path: path))
        let kernels = Kernels.available[0].computing(compute)
        func load(recorded: String) throws -> (Model, SelfTest) {
            var metadata = file.metadata
            metadata[ByteText("compute.\(compute.rawValue)")] = recorded
            let changed = "\(Paths.scratch)/compute-\(UUID().uuidString).safetensors"
            let tensors = try file.tensors.map { tensor in
                let values = try file.floats(tensor.name)
                return SafetensorsWriter.Tensor(name: tensor.name, shape: tensor.shape) { values }
            }
            try SafetensorsWriter(metadata: metadata, tensors: tensors).write(to: changed)
            defer { try? FileManager.default.removeItem(atPath: changed) }
            return try ModelFile.load(MappedFile(path: changed), kernels: kernels)
        }
        let (model, enough) = try load(recorded: "0.5 0.5")
        #expect(try enough.run(on: model) > 0)
        let little = try load(recorded: "0.5 0.00001").1
        let error = #expect(throws: ModelError.self) { try little.run(on: model) }
        guard case .selfTestFailed(let name, _, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(name == "\(kernels.name) \(compute.rawValue)")
        for text in ["1.5 0.1", "0.1 nan", "0.1", "0.1 0.1 0.1", "-0.1 0.1", "", "a b"] {
            let test = try load(recorded: text).1
            #expect(throws: ModelError.computeUnchecked(compute), "\(text)") { try test.run(on: model) }
        }
    }

    @Test(
        "where a model is made its record has room for this machine's kernels, and is the reference's where that has",
        arguments: fewer)
    func widened(compute: Compute) throws {
        let path = try writer.file(checked: Self.fewer)
        for kernels in Kernels.available {
            let (model, test) = try ModelFile.load(MappedFile(path: path), kernels: kernels.computing(compute))
            var same = test
            same.widen(to: model)
            #expect(same == test)
            let none = try #require(SelfTest.Difference(coarse: 0, fine: 0))
            var narrow = SelfTest(features: test.features, logits: test.logits, differences: [compute: none])
            #expect(throws: ModelError.self) { try narrow.run(on: model) }
            narrow.widen(to: model)
            #expect(try narrow.run(on: model) > 0)
            var unknown = SelfTest(features: test.features, logits: test.logits)
            unknown.widen(to: model)
            #expect(unknown.differences.isEmpty)
        }
    }

    @Test("a model of weights prepared for an arithmetic gives the same bits as one prepared when it is loaded")
    func prepared() throws {
        for kernels in Kernels.available {
            let plain = try writer.file(checked: Self.fewer)
            let path = try writer.file(prepared: kernels, computes: Compute.allCases, checked: Self.fewer)
            let section = try #require(try writer.section(path, kernels))
            for compute in Compute.allCases {
                let kernels = kernels.computing(compute)
                #expect(try writer.logits(path, kernels) == writer.logits(plain, kernels), "\(kernels.described)")
                let preparation = Preparation(kernels: kernels)
                _ = try Model(
                    info: writer.source.model(kernels).info, configuration: writer.source.configuration,
                    classes: writer.source.model(kernels).classes,
                    weights: SyntheticWeights(writer.source.configuration, seed: 4), in: preparation)
                for (name, floats) in preparation.blocks {
                    let stored = section.block(name, count: floats.count)
                    #expect(
                        stored?.withFloats { $0.map(\.bitPattern) } == floats.withFloats { $0.map(\.bitPattern) },
                        "\(name)")
                }
            }
        }
    }

    @Test(
        "a chunk has the same bits alone, again, and by another worker, in each arithmetic", arguments: Compute.allCases
    )
    func chunks(compute: Compute) throws {
        let kernels = Kernels.available[0].computing(compute)
        let path = try writer.file(checked: Self.fewer)
        let model = try ModelFile.load(MappedFile(path: path), kernels: kernels).0
        let features = writer.source.features(70, seed: 2)
        let scorer = Scorer(model: model)
        let whole = scorer.logits(of: features)
        let second = Scorer(model: model).logits(of: features, chunks: 1..<2)
        #expect(Array(whole.coarse[48...]) == second.coarse)
        #expect(scorer.logits(of: features) == whole)
    }
}
