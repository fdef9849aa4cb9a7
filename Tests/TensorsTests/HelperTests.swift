import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Tensors

/// Operations of two threads against the same of one.
@Suite("A lent thread")
struct HelperTests {
    /// Does `body` while another thread helps.
    private func helped(_ helper: Helper, _ body: () -> Void) {
        helper.open()
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            helper.help { true }
            ended.signal()
        }
        while !helper.isThere { usleep(10) }
        body()
        helper.close()
        ended.wait()
    }

    @Test(
        "operations have the same bits with help and without", arguments: Kernels.available,
        Compute.allCases)
    func sameBits(kernels: Kernels, compute: Compute) throws {
        let kernels = kernels.computing(compute)
        var random = SeededRandom(seed: 1)
        let workspace = Workspace()
        func matrix(_ rows: Int, _ columns: Int) -> MatrixView {
            Matrix(rows: rows, columns: columns, values: random.floats(rows * columns)).view(
                in: workspace)
        }
        for rows in [1, 7, 40, 47, 48, 61, 100] {
            let (x, residual, square) = (matrix(rows, 70), matrix(rows, 90), matrix(rows, rows))
            let linear = Linear(
                weights: PackedWeights(
                    inputs: 70, outputs: 90, inputMajor: random.floats(6_300), kernels: kernels),
                bias: random.floats(90))
            let norm = LayerNorm(gain: random.floats(70), shift: random.floats(70))
            let convolution = try ConvolutionWeights(
                "taps", inputs: 70, outputs: 90, bias: AlignedFloats(random.floats(90)),
                in: Preparation(kernels: kernels)
            ) { () throws(WeightError) in random.floats(5 * 70 * 90) }
            let tiles = (rows + 3) / 4
            let (padded, ahead) = (
                matrix(4 * tiles + 4, 70), ConstantMatrix(rows: 1, columns: 70, values: random.floats(70))
            )
            func all(_ hands: Hands) -> [[Float]] {
                let out = (0..<8).map {
                    workspace.matrix(rows: rows, columns: [90, 70, rows, 70, 70, 1, rows, 90][$0])
                }
                kernels.product(
                    x, linear, into: out[0], residual: residual, activation: .quickGELU, by: hands)
                kernels.product(square, x, into: out[1], residual: x, by: hands)
                kernels.dots(x, x, scale: 0.5, into: out[2], by: hands)
                kernels.layerNorm(x, norm, into: out[3], by: hands)
                kernels.decay(
                    x, ratio: 0.7, ahead: ahead[row: 0], into: out[4], residual: x, activation: .quickGELU,
                    by: hands)
                kernels.lengths(x, into: out[5], by: hands)
                out[6].copy(from: out[2])
                kernels.similarity(out[6], own: out[5], lengths: out[5], threshold: 0.1, by: hands)
                kernels.convolve(
                    padded, convolution, into: out[7], inputs: workspace.matrix(rows: 8 * tiles, columns: 70),
                    outputs: workspace.matrix(rows: 8 * tiles, columns: 90), by: hands)
                return out.map { $0.values() }
            }
            let alone = all(workspace.hands(rows: 100, inputs: 70, for: kernels))
            let helper = Helper()
            let hands = workspace.hands(rows: 100, inputs: 70, for: kernels, helper: helper)
            var together: [[Float]] = []
            helped(helper) { for _ in 0..<20 { together = all(hands) } }
            #expect(together == alone, "\(rows) rows")
            #expect(all(hands) == alone, "nobody is there any more")
        }
    }

    @Test("each part is done once, whoever comes and goes meanwhile")
    func comings() {
        let helper = Helper()
        let state = Shared()
        for _ in 0..<2 {
            Thread.detachNewThread {
                while !state.isOver.load(ordering: .relaxed) {
                    var looks = 0
                    helper.help {
                        looks += 1
                        return looks < 50
                    }
                }
                state.ended.signal()
            }
        }
        var wrong = 0
        for round in 0..<3_000 {
            if round % 10 == 0 { helper.open() }
            let parts = round % 7
            helper.split(parts) { part, hand in
                state.counts[part].up()
                state.hands[hand].up()
            }
            for part in 0..<7 where state.counts[part].take() != (part < parts ? 1 : 0) {
                wrong += 1
            }
            if round % 10 == 9 { helper.close() }
        }
        state.isOver.store(true, ordering: .relaxed)
        state.ended.wait()
        state.ended.wait()
        #expect(wrong == 0)
        #expect(state.hands[0].take() > 0)
    }

    /// What the threads of a test share.
    private final class Shared: Sendable {
        final class Count: Sendable {
            private let value = Atomic(0)
            func up() { value.wrappingAdd(1, ordering: .relaxed) }
            func take() -> Int { value.exchange(0, ordering: .relaxed) }
        }

        let isOver = Atomic(false)
        let ended = DispatchSemaphore(value: 0)
        let counts = (0..<7).map { _ in Count() }
        let hands = (0..<2).map { _ in Count() }
    }
}
