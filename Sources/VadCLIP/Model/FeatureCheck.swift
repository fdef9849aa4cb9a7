import Tensors

/// Decides once, where features come in, whether they can be scored and what looks wrong with them.
public struct FeatureCheck: Sendable {
    /// The width that the embedded demo model takes.
    public static let demoWidth = 64

    /// d, the width that the model takes.
    public let width: Int
    /// Frames a second, where they are known.
    public let fps: Double?

    /// Checks for a model of `width`.
    public init(width: Int, fps: Double? = nil) {
        self.width = width
        self.fps = fps
    }

    /// The features as a matrix with their report; throws what can't be scored.
    ///
    /// - Parameters:
    ///   - shape: as uploaded, of any rank
    ///   - values: row-major, as many as the shape says
    ///   - elementType: what the elements were, for the report
    ///   - order: C or Fortran, for the report
    ///   - isTypeAssumed: nothing said that they are float32, so they may be of another type
    public func accept(
        shape: [Int], values: [Float], elementType: String, order: String, isTypeAssumed: Bool = false
    ) throws(FeatureError) -> (features: Matrix, report: FeatureReport) {
        try check(shape: shape)
        let matrix = Matrix(rows: shape[0], columns: shape[1], values: values)
        let lengths = matrix.rowLengths
        if let index = matrix.firstNotFinite(lengths: lengths) {
            throw .notFinite(
                row: index / width, column: index % width, value: values[index],
                likely: isTypeAssumed ? LikelyType(of: values) : nil)
        }
        let report = report(
            matrix, lengths, elementType: elementType, order: order, isTypeAssumed: isTypeAssumed)
        return (matrix, report)
    }

    /// Throws where features of a shape can't be scored, whatever is in them.
    public func check(shape: [Int]) throws(FeatureError) {
        if shape.count == 3, shape[2] == width || [512, 768, 1024].contains(shape[2]),
            let axis = Self.cropAxis(of: shape)
        {
            throw .severalMatrices(shape: shape, width: width, axis: axis)
        }
        guard shape.count == 2 else { throw .notAMatrix(shape: shape, width: width) }
        guard shape[0] > 0, shape[1] > 0 else { throw .noRows(shape: shape) }
        guard shape[1] != width else { return }
        if shape[0] == width, shape[1] != 768, shape[1] != 1024 { throw .transposed(shape: shape, width: width) }
        throw .wrongWidth(found: shape[1], expected: width)
    }

    /// The axis of [T, crops, d] or [crops, T, d] along which there is one matrix after another: that of length 1, of
    /// ten or five crops, else the shorter one.
    public static func cropAxis(of shape: [Int]) -> Int? {
        guard shape.count == 3, shape[0] > 0, shape[1] > 0 else { return nil }
        for crops in [1, 10, 5] {
            if shape[1] == crops { return 1 }
            if shape[0] == crops { return 0 }
        }
        return shape[0] < shape[1] ? 0 : 1
    }

    private func report(
        _ features: Matrix, _ lengths: [Float], elementType: String, order: String, isTypeAssumed: Bool
    ) -> FeatureReport {
        var report = FeatureReport(
            rows: features.rows, width: features.columns, elementType: elementType, order: order,
            smallestNorm: .infinity, largestNorm: 0, meanNorm: 0, repeatedRows: 0, zeroRows: 0, warnings: [])
        var total = 0.0
        var unit = 0
        for (row, norm) in lengths.enumerated() {
            report.smallestNorm = min(report.smallestNorm, norm)
            report.largestNorm = max(report.largestNorm, norm)
            total += Double(norm)
            if norm == 0 { report.zeroRows += 1 }
            if abs(norm - 1) < 0.01 { unit += 1 }
            if features.repeatsPrevious(row: row) { report.repeatedRows += 1 }
        }
        report.meanNorm = Float(total / Double(features.rows))
        let isNormalised = unit > 0 && unit == report.rows - report.zeroRows
        let mayBeOther = isTypeAssumed && !isNormalised && !isUsual(report.meanNorm)
        report.warnings = warnings(
            report, isNormalised: isNormalised, likely: mayBeOther ? LikelyType(of: features.values) : nil)
        return report
    }

    /// The length that CLIP's rows have.
    private var usualNorm: Float { 10 * (Float(width) / 512).squareRoot() }

    private func isUsual(_ norm: Float) -> Bool { norm >= usualNorm / 5 && norm <= usualNorm * 5 }

    private func warnings(_ report: FeatureReport, isNormalised: Bool, likely: LikelyType?) -> [String] {
        var warnings: [String] = []
        let usual = usualNorm
        if let likely {
            warnings.append("the mean row norm is \(rounded(report.meanNorm)) as float32: \(likely)")
        } else if isNormalised {
            warnings.append(
                "rows of norm 1: these features look L2-normalised; VadCLIP takes CLIP's raw image embeddings, of norm "
                    + "about \(rounded(usual)). Leave the normalisation out when you extract them")
        } else if report.zeroRows < report.rows, !isUsual(report.meanNorm) {
            warnings.append(
                "the mean row norm is \(rounded(report.meanNorm)); CLIP ViT-B/16's raw image embeddings have norm about "
                    + "\(rounded(usual)). Check that the features are not scaled and come from that CLIP")
        }
        if report.zeroRows > 0, likely == nil {
            warnings.append(
                "\(report.zeroRows) of \(report.rows) rows are all zero: if they pad the video, send it without them")
        }
        if report.repeatedRows > 0, report.repeatedRows >= max(1, (report.rows - 1) / 4) {
            warnings.append(
                "rows that do not change: \(report.repeatedRows) of \(report.rows) equal the row before them; check that "
                    + "the frames are read anew for each snippet")
        }
        let hours = Double(report.rows) * Double(ModelConfiguration.framesPerSnippet) / (fps ?? 30) / 3600
        if hours > 24 {
            warnings.append(
                "\(report.rows) snippets of 16 frames are \(Int(min(hours, 1e9))) hours of video at \(rounded(Float(fps ?? 30))) frames a "
                    + "second: check that there is a row for every 16 frames, not for every frame")
        }
        return warnings
    }

    /// To a tenth; to two digits where that would be nothing, or be many.
    private func rounded(_ value: Float) -> String {
        let value = Double(value)
        guard value.isFinite, value > 0, value < 0.1 || value >= 1e9 else {
            let tenths = (value * 10).rounded() / 10
            return tenths == tenths.rounded() && abs(tenths) < 1e9 ? String(Int(tenths)) : String(tenths)
        }
        var (digits, exponent) = (value, 0)
        while digits >= 10 { (digits, exponent) = (digits / 10, exponent + 1) }
        while digits < 1 { (digits, exponent) = (digits * 10, exponent - 1) }
        digits = (digits * 10).rounded()
        if exponent >= -4, exponent < 0 {
            return String(digits / (0..<(1 - exponent)).reduce(1) { power, _ in power * 10 })
        }
        if digits == 100 { (digits, exponent) = (10, exponent + 1) }
        return "\(digits / 10)e\(exponent < 0 ? "-" : "+")\(abs(exponent))"
    }
}

/// Features that can't be scored, in words that tell what to do.
public enum FeatureError: Error, Equatable, CustomStringConvertible {
    /// Another number of dimensions than two.
    case notAMatrix(shape: [Int], width: Int)
    /// Three dimensions: a matrix for each crop, or a batch of videos, along `axis`.
    case severalMatrices(shape: [Int], width: Int, axis: Int)
    /// No snippet at all.
    case noRows(shape: [Int])
    /// [d, T] in place of [T, d].
    case transposed(shape: [Int], width: Int)
    /// Rows of another width than the model's.
    case wrongWidth(found: Int, expected: Int)
    /// NaN or infinity; `likely` is what the numbers are if they are no float32.
    case notFinite(row: Int, column: Int, value: Float, likely: LikelyType? = nil)

    /// One sentence for a person.
    public var description: String {
        switch self {
        case .notAMatrix(let shape, let width):
            "the features have shape \(shape): expected two dimensions, [T, \(width)], a row a snippet"
        case .severalMatrices(let shape, let width, let axis):
            "the features have shape \(shape), "
                + (shape[axis] == 1
                    ? "one matrix in a stack"
                    : shape[axis] == 10 ? "ten crops of each snippet" : "\(shape[axis]) matrices, crops or videos")
                + ": score one of them, [T, \(width)] (in numpy features\(axis == 0 ? "[0]" : "[:, 0]"))"
                + (shape[2] == width ? "" : "; \(Self.wrongWidth(found: shape[2], expected: width))")
        case .noRows(let shape):
            "the features have shape \(shape) and no rows: expected at least one snippet"
        case .transposed(let shape, let width):
            "the features have shape \(shape), which looks transposed: expected [T, \(width)], a row a snippet "
                + "(in numpy features.T)"
        case .wrongWidth(let found, let expected):
            "rows are \(found) wide: expected \(expected)" + Self.origin(found, expected: expected)
        case .notFinite(let row, let column, let value, let likely):
            "column \(column) of row \(row) is \(value.isNaN ? "NaN" : value < 0 ? "-infinity" : "infinity")"
                + "\(value.isNaN ? "" : " or beyond the range of float32"): expected finite numbers"
                + (likely.map { "; \($0)" } ?? "")
        }
    }

    /// The same where other models are to be had.
    ///
    /// - Parameters:
    ///   - models: those that take such rows
    ///   - way: what chooses one, up to its name, such as `model=`
    public func description(of models: [String], chosenBy way: String) -> String {
        guard case .wrongWidth(let found, let expected) = self else { return description }
        guard !models.isEmpty else {
            return "rows are \(found) wide: expected \(expected)"
                + Self.origin(found, expected: expected, advice: Self.serverAdvice)
        }
        let names = models.map { "'\($0)'" }.joined(separator: " and ")
        return
            "rows are \(found) wide: expected \(expected); \(names) \(models.count == 1 ? "takes" : "take") \(found), and "
            + "\(models.count == 1 ? "is" : "are") asked by \(way)\(models[0])"
    }

    private static let commandAdvice = "another one is named by --model, of vigil score, vigil eval and vigil serve"
    private static let serverAdvice =
        "no model of such rows is served here; an operator adds one by --model of vigil serve"

    /// Where rows of such a width come from, and what to do.
    private static func origin(_ found: Int, expected: Int, advice: String = commandAdvice) -> String {
        let source: String? =
            switch found {
            case 512: "512 is CLIP ViT-B/16, which imported models take"
            case 768: "768 is that of CLIP ViT-L/14"
            case 1024: "1024 is that of CLIP RN50"
            case 2048: "2048 is that of I3D or ResNet-50 features"
            default: nil
            }
        guard expected == 512 else {
            let isDemo = expected == FeatureCheck.demoWidth ? ", as the embedded demo model does" : ""
            return source.map { "; \($0). This model takes \(expected)\(isDemo): \(advice)" } ?? ""
        }
        if found == FeatureCheck.demoWidth {
            return "; 64 is the width of the embedded demo model, which vigil serve, vigil score and vigil eval use "
                + "without --model"
        }
        return source.map { ", the image embedding of CLIP ViT-B/16; \($0). Extract with ViT-B/16" } ?? ""
    }
}

/// What a feature matrix looks like, and where that differs from what the model takes.
public struct FeatureReport: Sendable, Equatable {
    /// Rows T, snippets.
    public var rows: Int
    /// Columns.
    public var width: Int
    /// How the numbers were stored, `float32` for instance.
    public var elementType: String
    /// `C` (row after row) or `Fortran` (column after column).
    public var order: String
    /// Smallest, largest and mean Euclidean length of a row.
    public var smallestNorm: Float
    /// Largest Euclidean length of a row.
    public var largestNorm: Float
    /// Mean Euclidean length of the rows.
    public var meanNorm: Float
    /// Rows equal to the one before them.
    public var repeatedRows: Int
    /// Rows of zeros.
    public var zeroRows: Int
    /// What looks wrong, in plain words.
    public var warnings: [String]
}

/// What rows are that nothing called float32, and that make no sense as such.
public enum LikelyType: Sendable, Equatable, CustomStringConvertible {
    /// Twice as long numbers.
    case float64
    /// Numbers of half the length.
    case float16
    /// Bytes in the other order.
    case bigEndianFloat32

    /// What some numbers are of: how many there are, how many are not zero, and how many of these are of a usual size.
    fileprivate struct Sizes {
        var count = 0
        var filled = 0
        var usual = 0

        /// - Parameters:
        ///   - exponent: a power of two
        ///   - isZero: it is none
        mutating func add(exponent: Int, isZero: Bool) {
            count += 1
            if isZero { return }
            filled += 1
            if (-20...10).contains(exponent) { usual += 1 }
        }

        var areUsual: Bool { filled * 2 > count && usual * 100 >= filled * 99 }
    }

    /// The type as which the numbers are of usual sizes; nil where they are as float32, or as none.
    ///
    /// A few thousand of them are looked at, wherever there are any but zeros.
    public init?(of values: [Float]) {
        let words = Self.sample(values)
        var single = Sizes()
        var swapped = Sizes()
        var half = Sizes()
        var double = Sizes()
        for index in words.indices {
            let word = words[index]
            single.addSingle(word)
            swapped.addSingle(word.byteSwapped)
            half.addHalf(word & 0xFFFF)
            half.addHalf(word >> 16)
            if index % 2 == 1 {
                double.add(exponent: Int(word >> 20 & 0x7FF) - 1023, isZero: word << 1 == 0 && words[index - 1] == 0)
            }
        }
        guard single.usual * 10 < single.filled * 9 else { return nil }
        if double.areUsual {
            self = .float64
        } else if swapped.areUsual {
            self = .bigEndianFloat32
        } else if half.areUsual {
            self = .float16
        } else {
            return nil
        }
    }

    /// What to do, in words.
    public var description: String {
        switch self {
        case .float64: "the rows look like float64: use .npy, which says so, or convert them to float32"
        case .float16: "the rows look like float16: use .npy, which says so, or convert them to float32"
        case .bigEndianFloat32:
            "the rows look like big-endian float32: use .npy, which says so, or write them in little-endian order"
        }
    }

    private static func sample(_ values: [Float]) -> [UInt32] {
        let length = 64
        var words: [UInt32] = []
        let step = max(length, values.count / 256 / 2 * 2)
        for start in stride(from: 0, to: values.count, by: step) where words.count < 4_096 {
            let part = values[start..<min(start + length, values.count)].map(\.bitPattern)
            if part.contains(where: { $0 << 1 != 0 }) { words += part.count % 2 == 0 ? part : part.dropLast() }
        }
        return words
    }
}

extension LikelyType.Sizes {
    fileprivate mutating func addSingle(_ bits: UInt32) {
        add(exponent: Int(bits >> 23 & 0xFF) - 127, isZero: bits << 1 == 0)
    }

    /// A subnormal one is as usual as the smallest of the others.
    fileprivate mutating func addHalf(_ bits: UInt32) {
        add(exponent: Int(bits >> 10 & 0x1F) - 15, isZero: bits & 0x7FFF == 0)
    }
}
