import CLIP
import Tensors

/// The feature of a made-up image, recorded at the import and made again before a tower is used.
struct ImageSelfTest: Sendable {
    /// [1, outputWidth].
    let features: Matrix
    /// How far off each arithmetic of fewer bits is that was compared, and not too far off.
    private(set) var differences: [Compute: ImageDifference]

    /// The largest difference of a feature of usual size that the running kernels may show.
    static let tolerance: Float = 1e-4

    /// Joins what was recorded.
    init(features: Matrix, differences: [Compute: ImageDifference] = [:]) {
        self.features = features
        self.differences = differences
    }

    /// Records what `tower` makes.
    init(recording tower: ImageTower) { self.init(features: Self.features(tower)) }

    /// Records how far off the feature of `tower` is, whose arithmetic has fewer bits.
    mutating func record(_ tower: ImageTower, _ compute: Compute) {
        differences[compute] = ImageDifference(Self.features(tower).values, from: features.values)
    }

    /// Throws where a tower of these weights was not compared in an arithmetic, or was too far off.
    func check(_ compute: Compute) throws(ModelError) {
        guard compute == .float32 || differences[compute] != nil else { throw .imageComputeUnchecked(compute) }
    }

    /// Throws `imageTestFailed` unless the tower makes the recorded feature again; returns the largest difference.
    @discardableResult
    func run(on tower: ImageTower, kernels: Kernels, within given: Float? = nil) throws(ModelError) -> Float {
        try check(kernels.compute)
        let found = Self.features(tower)
        guard found.columns == features.columns else {
            throw .notAModel("the image tower's self-test was recorded for another width than its features have")
        }
        let worst = SelfTest.worst(found.values, features.values)
        let allowed = given ?? tolerance(tower.configuration, kernels.compute)
        guard worst < .infinity, worst <= allowed else {
            throw .imageTestFailed(kernels: kernels.described, difference: worst, tolerance: allowed)
        }
        return worst
    }

    /// As `SelfTest` has it: what float32 can't hold of the largest value after so many products, and in fewer bits twice
    /// what was recorded besides.
    private func tolerance(_ configuration: ImageTower.Configuration, _ compute: Compute) -> Float {
        let float32 = max(
            Self.tolerance,
            SelfTest.roundings(
                of: features.values, products: 4 * configuration.layers + 4, width: configuration.width))
        return float32 + 2 * (differences[compute]?.largest ?? 0)
    }

    private static func features(_ tower: ImageTower) -> Matrix {
        tower.encode([image(side: tower.resolution)], with: ImageScratch(for: tower, images: 1))
    }

    /// Slopes of three colours with hard edges between them and noise on top, R G B by rows.
    static func image(side: Int) -> [UInt8] {
        var random = SplitMix64(state: 0x494d_4147_45)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(3 * side * side)
        for y in 0..<side {
            for x in 0..<side {
                let isInside = (2 * x - side) * (2 * x - side) + (2 * y - side) * (2 * y - side) < side * side / 2
                let noise = random.next()
                for colour in 0..<3 {
                    let slope = 200 * (colour == 0 ? x : colour == 1 ? y : side - x) / side
                    let value = (isInside ? 220 - slope : slope) + Int(noise >> UInt64(16 * colour) & 31)
                    bytes.append(UInt8(clamping: value))
                }
            }
        }
        return bytes
    }
}
