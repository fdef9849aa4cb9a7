import Foundation
import Tensors
import TestSupport
import Testing

@testable import VadCLIP

func exactExp(_ x: Double) -> Double { exp(x) }

@Suite("Right features mistaken for others")
struct FeatureCheckTests {
    private let check = FeatureCheck(width: 512)

    private func features(_ rows: Int, _ width: Int = 512, norm: Float = 10, seed: UInt64 = 1) -> [Float] {
        var random = SeededRandom(seed: seed)
        var values = random.floats(rows * width)
        let lengths = Matrix(rows: rows, columns: width, values: values).rowLengths
        for row in 0..<rows { for column in 0..<width { values[row * width + column] *= norm / lengths[row] } }
        return values
    }

    private func warnings(_ values: [Float], fps: Double? = nil) throws -> [String] {
        try FeatureCheck(width: 512, fps: fps).accept(
            shape: [values.count / 512, 512], values: values, elementType: "float32", order: "C"
        ).report.warnings
    }

    private func error(shape: [Int]) -> FeatureError? {
        let values = [Float](repeating: 1, count: shape.reduce(1, *))
        do {
            _ = try check.accept(shape: shape, values: values, elementType: "float32", order: "C")
            return nil
        } catch {
            return error
        }
    }

    @Test("features as the model takes them get no warning, and the report says what they are")
    func right() throws {
        let (matrix, report) = try check.accept(
            shape: [20, 512], values: features(20), elementType: "float16", order: "Fortran")
        #expect(report.warnings == [])
        #expect(matrix.rows == 20)
        #expect((report.rows, report.width, report.elementType, report.order) == (20, 512, "float16", "Fortran"))
        #expect(abs(report.meanNorm - 10) < 1e-3 && abs(report.smallestNorm - 10) < 1e-3)
        #expect((report.repeatedRows, report.zeroRows) == (0, 0))
    }

    @Test("rows of norm 1 are called L2-normalised")
    func normalised() throws {
        let found = try warnings(features(8, norm: 1))
        #expect(found.count == 1)
        #expect(found[0].contains("L2-normalised") && found[0].contains("about 10"))
    }

    @Test("a norm far from CLIP's is told")
    func scaled() throws {
        #expect(try warnings(features(8, norm: 100))[0].contains("mean row norm is 100"))
        #expect(try warnings(features(8, norm: 0.3))[0].contains("mean row norm is 0.3"))
    }

    @Test("a norm that is not 0 is never told as 0, nor in a hundred digits")
    func smallNorms() throws {
        for (norm, shown) in [(Float(0.009_654_7), "0.0097"), (0.04, "0.04"), (1e-20, "1.0e-20"), (3e18, "3.0e+18")] {
            let found = try warnings(features(8, norm: norm))[0]
            #expect(found.contains("mean row norm is \(shown);"), "\(found)")
        }
        var random = SeededRandom(seed: 5)
        let halves = random.floats(64 * 1_024).map { Float16($0).bitPattern }
        let values = stride(from: 0, to: halves.count, by: 2).map {
            Float(bitPattern: UInt32(halves[$0 + 1]) << 16 | UInt32(halves[$0]))
        }
        let found = try FeatureCheck(width: 512).accept(
            shape: [values.count / 512, 512], values: values, elementType: "float32", order: "C", isTypeAssumed: true
        ).report.warnings
        #expect(found.count == 1 && found[0].contains("float16") && !found[0].contains("norm is 0 "), "\(found)")
    }

    @Test("rows that do not change, and rows of zeros, are counted")
    func repeated() throws {
        let row = features(1)
        let (_, report) = try check.accept(
            shape: [10, 512], values: (0..<10).flatMap { _ in row }, elementType: "float32", order: "C")
        #expect(report.repeatedRows == 9)
        #expect(report.warnings.contains { $0.contains("do not change") })
        let padded = features(6) + [Float](repeating: 0, count: 2 * 512)
        #expect(try warnings(padded).contains { $0.hasPrefix("2 of 8 rows are all zero") })
    }

    @Test("far more snippets than a day has look like a row a frame")
    func perFrame() throws {
        let small = FeatureCheck(width: 2, fps: 25)
        var random = SeededRandom(seed: 3)
        let rows = 140_000
        let report = try small.accept(
            shape: [rows, 2], values: random.floats(rows * 2), elementType: "float32", order: "C"
        ).report
        #expect(report.warnings.contains { $0.contains("for every 16 frames, not for every frame") })
    }

    @Test("what can't be scored is an error that says what to do")
    func errors() {
        #expect(error(shape: [30, 768])?.description.contains("ViT-L/14") == true)
        #expect(error(shape: [30, 1024])?.description.contains("RN50") == true)
        #expect(error(shape: [512, 30])?.description.contains("features.T") == true)
        #expect(error(shape: [30, 10, 512])?.description.contains("features[:, 0]") == true)
        #expect(error(shape: [10, 30, 512])?.description.contains("features[0]") == true)
        #expect(error(shape: [1, 10, 512])?.description.contains("features[0]") == true)
        #expect(error(shape: [30, 1, 512])?.description.contains("features[:, 0]") == true)
        #expect(error(shape: [30, 10, 768])?.description.contains("ten crops") == true)
        #expect(error(shape: [30, 10, 768])?.description.contains("ViT-L/14") == true)
        #expect(error(shape: [30, 5, 512])?.description.contains("5 matrices") == true)
        #expect(error(shape: [512, 768])?.description.contains("ViT-L/14") == true)
        #expect(error(shape: [0, 512]) == .noRows(shape: [0, 512]))
        #expect(error(shape: [512]) == .notAMatrix(shape: [512], width: 512))
        #expect(error(shape: []) == .notAMatrix(shape: [], width: 512))
        #expect(error(shape: [30, 511]) == .wrongWidth(found: 511, expected: 512))
        #expect(error(shape: [512, 512]) == nil)
    }

    @Test("NaN and infinity are named by row and column")
    func notFinite() {
        for (value, word) in [(Float.nan, "NaN"), (.infinity, "infinity"), (-.infinity, "-infinity")] {
            var values = features(20)
            values[17 * 512 + 3] = value
            let thrown = #expect(throws: FeatureError.self) {
                try check.accept(shape: [20, 512], values: values, elementType: "float32", order: "C")
            }
            #expect(thrown?.description.hasPrefix("column 3 of row 17 is \(word)") == true)
        }
    }
}
