import CLIP
import Formats
import Foundation
import Platform
import Tensors
import TestSupport
import Testing

@testable import VadCLIP

/// Random weights whose names can be listed, as a checkpoint's.
struct RandomCheckpoint: NamedWeights {
    let base: SyntheticWeights
    let names: [String]

    func shape(of name: String) -> [Int]? { base.shape(of: name) }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        try base.floats(name, shape: shape)
    }
}

/// Writes model files of one random checkpoint.
struct ModelFileWriter {
    let source = RandomModel(width: 64, length: 48, layers: 2, window: 8, seed: 4)

    private var checkpoint: RandomCheckpoint {
        RandomCheckpoint(
            base: SyntheticWeights(source.configuration, seed: 4),
            names: Network.tensors(of: source.configuration).map(\.name))
    }

    func file(
        precision: WeightPrecision = .float32, prepared: Kernels? = nil, computes: [Compute] = [.float32],
        checked: [Compute] = []
    ) throws -> String {
        let text = try source.model(.portable).classes
        let plan = ModelFilePlan(
            info: ModelInfo(
                name: "random", trained: false, digest: FileDigest(known: ""), sourceSHA256: "", parameters: 1),
            configuration: source.configuration, classes: text,
            tower: .init(width: 1, outputWidth: 1, layers: 0, context: 1, vocabulary: 1, prefix: 10, postfix: 10),
            vocabulary: nil, precision: precision, training: nil)
        let kept = RoundedWeights(base: checkpoint, precision: precision)
        var test = SelfTest(recording: try plan.model(of: kept, in: Preparation(kernels: .portable)))
        for compute in checked {
            test.record(try plan.model(of: kept, in: Preparation(kernels: .portable.computing(compute))))
        }
        let preparations = try computes.compactMap { prepared?.computing($0) }.map { kernels in
            let preparation = Preparation(kernels: kernels)
            _ = try plan.model(of: kept, in: preparation)
            return preparation
        }
        let path = "\(Paths.scratch)/prepared-\(UUID().uuidString).safetensors"
        try plan.writer(checkpoint, test: test, prepared: preparations).write(to: path)
        return path
    }

    func logits(_ path: String, _ kernels: Kernels) throws -> Logits {
        let (model, selfTest) = try ModelFile.load(MappedFile(path: path), kernels: kernels)
        try selfTest.run(on: model)
        return Scorer(model: model).logits(of: source.features(70, seed: 2))
    }

    func section(_ path: String, _ kernels: Kernels) throws -> PreparedSection? {
        PreparedSection(
            in: try SafetensorsFile(file: MappedFile(path: path)), configuration: source.configuration, kernels: kernels
        )
    }
}

@Suite("Prepared weights in a model file")
struct PreparedTests {
    private let writer = ModelFileWriter()

    @Test("a model of prepared weights gives the same bits as one prepared when it is loaded")
    func sameBits() throws {
        for kernels in Kernels.available {
            let plain = try writer.logits(writer.file(), kernels)
            let path = try writer.file(prepared: kernels)
            #expect(try writer.section(path, kernels) != nil)
            #expect(try writer.logits(path, kernels) == plain, "\(kernels.name)")
        }
    }

    @Test("every block that a model asks for is stored, where it can be read in place")
    func complete() throws {
        let kernels = Kernels.available[0]
        let path = try writer.file(prepared: kernels)
        let section = try #require(try writer.section(path, kernels))
        let preparation = Preparation(kernels: kernels)
        let model = try Model(
            info: writer.source.model(kernels).info, configuration: writer.source.configuration,
            classes: writer.source.model(kernels).classes,
            weights: SyntheticWeights(writer.source.configuration, seed: 4), in: preparation)
        #expect(preparation.blocks.count > 40)
        for (name, floats) in preparation.blocks {
            let stored = section.block(name, count: floats.count)
            #expect(stored != nil, "\(name)")
            #expect(stored?.withFloats { Array($0) } == floats.withFloats { Array($0) }, "\(name)")
            #expect(section.block(name, count: floats.count + 16) == nil, "\(name) of another size")
        }
        withExtendedLifetime(model) {}
    }

    @Test("weights prepared for other kernels are not used", .enabled(if: Kernels.available.count > 1))
    func otherKernels() throws {
        let path = try writer.file(prepared: .available[0])
        #expect(try writer.section(path, .portable) == nil)
        #expect(try writer.logits(path, .portable) == writer.logits(writer.file(), .portable))
    }

    @Test("weights that were changed after they were prepared are prepared again, and so fail the self-test")
    func changed() throws {
        let kernels = Kernels.available[0]
        let path = try writer.file(prepared: kernels)
        let file = try SafetensorsFile(file: MappedFile(path: path))
        let tensor = try #require(file["mlp2.c_fc.weight"])
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        for index in tensor.byteRange where index % 4 == 3 { bytes[index] ^= 0x80 }
        let changed = path + ".changed"
        try Data(bytes).write(to: URL(fileURLWithPath: changed))
        #expect(try writer.section(changed, kernels) == nil)
        #expect(throws: ModelError.self) { try writer.logits(changed, kernels) }
    }

    @Test(
        "smaller weights give logits near full precision's, and a smaller file",
        arguments: [(WeightPrecision.float16, 0.02, 0.55), (.bfloat16, 0.15, 0.55), (.int8, 0.5, 0.32)])
    func precision(_ precision: WeightPrecision, tolerance: Float, size: Double) throws {
        let kernels = Kernels.available[0]
        let (full, small) = (try writer.file(), try writer.file(precision: precision))
        let (expected, found) = (try writer.logits(full, kernels), try writer.logits(small, kernels))
        let worst = zip(expected.coarse + expected.fine, found.coarse + found.fine).map { abs($0 - $1) }.max() ?? 1
        #expect(worst > 0 && worst < tolerance, "off by \(worst)")
        let (before, after) = (try MappedFile(path: full).count, try MappedFile(path: small).count)
        #expect(Double(after) < size * Double(before), "\(after) of \(before) bytes")
        let prepared = try writer.file(precision: precision, prepared: kernels)
        #expect(try writer.section(prepared, kernels) != nil)
        #expect(try writer.logits(prepared, kernels) == found)
    }

    @Test(
        "rounding twice changes nothing, and 8-bit integers are within half a step", arguments: WeightPrecision.allCases
    )
    func rounding(_ precision: WeightPrecision) throws {
        var random = SeededRandom(seed: 21)
        let (rows, columns) = (3, 130)
        let values = random.floats(rows * columns, scale: 0.4)
        let once = try precision.rounded(values, rows: rows, name: "w")
        let twice = try precision.rounded(once, rows: rows, name: "w")
        expectClose(twice, once, within: 1e-7, "\(precision)")
        let step: Float =
            switch precision {
            case .float32: 0
            case .float16: 0.4 / 2_048
            case .bfloat16: 0.4 / 256
            case .int8: 0.4 / 127 / 2 * 1.001
            }
        expectClose(once, values, within: step, "\(precision)")
    }

    @Test("values beyond float16's range are refused by name")
    func beyondHalf() {
        let error = #expect(throws: WeightError.self) {
            try WeightPrecision.float16.rounded([1, 65_520], rows: 1, name: "gc1.weight")
        }
        #expect(error?.description.contains("gc1.weight") == true)
    }
}
