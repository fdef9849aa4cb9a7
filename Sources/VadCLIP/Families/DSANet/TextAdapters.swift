import CLIP
import Platform
import Tensors

/// A label's words alone, through a text transformer whose first blocks have an adapter behind them; unit length.
struct AdaptedText: TextRecipe {
    let prompt = (prefix: 0, postfix: 0)
    let output = (tensor: TextAdapters.name(0), axis: 0)

    func tensors(of tower: TextTower.Configuration, in source: some WeightSource) -> [(String, [Int])] {
        (0..<TextAdapters.count(in: source)).map { (TextAdapters.name($0), [tower.width, tower.width]) }
    }

    func style(
        from source: some WeightSource, _ tower: TextTower.Configuration, _ settings: FamilySettings, kernels: Kernels
    ) throws(WeightError) -> any TextStyle {
        try TextAdapters(from: source, width: tower.width, blend: settings[TextAdapters.blend] ?? 0, kernels: kernels)
    }
}

/// Linear layers with LeakyReLU behind the first blocks of the text transformer, and one in place of the projection.
///
/// Spec: "Text features", steps 1 to 6. With x a block's output, b the blend, norms over the width:
/// `a = leaky(A x)`, `a *= |x| / (|a| + 1e-6)`, `x = b a + (1 - b) x`; at the end `t = leaky(A_last t)`, `t /= |t|`.
struct TextAdapters: TextStyle {
    /// Begins the names of the adapters' tensors.
    static let prefix = "clip_adapter.text_adapter."
    /// The metadata key of b.
    static let blend: ByteText = "adapter_blend"
    private static let slope: Float = 0.01

    private let adapters: [Linear]
    private let last: Linear
    private let blend: Float
    private let nothing: [Float]

    /// The tensor of an adapter, [d, d].
    static func name(_ index: Int) -> String { "\(prefix)\(index).fc.0.weight" }

    /// How many there are, the last one among them.
    static func count(in source: some WeightSource) -> Int {
        var count = 0
        while source.shape(of: name(count)) != nil { count += 1 }
        return count
    }

    init(from source: some WeightSource, width: Int, blend: Float, kernels: Kernels) throws(WeightError) {
        func adapter(_ index: Int) throws(WeightError) -> Linear {
            let values = try source.floats(Self.name(index), shape: [width, width])
            return Linear(
                weights: PackedWeights(inputs: width, outputs: width, outputMajor: values, kernels: kernels))
        }
        var adapters: [Linear] = []
        let last = max(0, Self.count(in: source) - 1)
        for index in 0..<last { adapters.append(try adapter(index)) }
        self.adapters = adapters
        self.last = try adapter(last)
        self.blend = blend
        nothing = [Float](repeating: 0, count: width)
    }

    func filler(at position: Int) -> ArraySlice<Float> { nothing[...] }

    func adapt(_ x: MatrixView, behind index: Int, scratch: MatrixView, kernels: Kernels) {
        guard adapters.indices.contains(index) else { return }
        kernels.product(x, adapters[index], into: scratch)
        Self.leak(scratch)
        for row in 0..<x.rows {
            let (own, adapted) = (x.rows(row..<row + 1), scratch.rows(row..<row + 1))
            adapted.scale(by: blend * own.length / (adapted.length + 1e-6))
            own.scale(by: 1 - blend)
            own.add(adapted)
        }
    }

    func finish(_ ends: MatrixView, into features: MatrixView, kernels: Kernels) {
        kernels.product(ends, last, into: features)
        Self.leak(features)
        for row in 0..<features.rows {
            let feature = features.rows(row..<row + 1)
            feature.scale(by: 1 / feature.length)
        }
    }

    private static func leak(_ x: MatrixView) {
        for row in 0..<x.rows {
            for column in 0..<x.columns where x[row, column] < 0 { x[row, column] *= slope }
        }
    }
}

extension MatrixView {
    /// Euclidean length of all values.
    fileprivate var length: Float { Float(values().reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()) }
}
