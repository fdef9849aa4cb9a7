import CLIP
import Formats
import Platform
import Synchronization
import Tensors

/// Where a safetensors file of Vigil's keeps an image tower: in a model file, or alone.
struct ImageFile {
    /// Value of the metadata key `format` of a file that holds a tower alone.
    static let format = "vigil-image-tower"
    /// Its version.
    static let version = "1"

    let tensors: SafetensorsFile
    let configuration: ImageTower.Configuration

    var weights: SafetensorsWeights { SafetensorsWeights(file: tensors) }

    /// What the file recorded of its self-test: the feature, and how far off others may be.
    var selfTest: ImageSelfTest {
        get throws(WeightError) {
            let width = configuration.outputWidth
            let features = try weights.floats(ModelFile.Name.testImage, shape: [1, width])
            return ImageSelfTest(
                features: Matrix(rows: 1, columns: width, values: features),
                differences: ImageDifference.recorded(in: tensors))
        }
    }

    /// Whether a file holds a tower alone.
    static func isAlone(_ tensors: SafetensorsFile) -> Bool {
        tensors.metadata[ModelFile.Key.format]?.hasBytes(of: format) == true
    }

    /// Finds the tower by the file's header alone; nil where it has none, or is no file of Vigil's. Throws where it has one
    /// that can't be run.
    init?(in tensors: SafetensorsFile) throws(ModelError) {
        let isAlone = Self.isAlone(tensors)
        if isAlone {
            let version = tensors.metadata[ModelFile.Key.version] ?? "none"
            guard version.hasBytes(of: Self.version) else {
                throw .notAModel(
                    "\(tensors.file.path) has format version \(version): this build reads \(Self.version); import the image "
                        + "tower again")
            }
        }
        guard isAlone || ModelFile.isModel(tensors) && tensors[ImageTower.Names.token] != nil else { return nil }
        self.tensors = tensors
        configuration = try ModelFile.imageShape(of: SafetensorsWeights(file: tensors), in: tensors.file.path)
        let features = tensors[ModelFile.Name.testImage]
        guard features?.shape == [1, configuration.outputWidth] else {
            throw .badWeights(
                WeightError(
                    name: ModelFile.Name.testImage, problem: "is missing: an image tower is kept with its self-test",
                    file: tensors.file.path))
        }
        let digest = tensors.metadata[ModelFile.Key.imageDigest] ?? ""
        guard digest.utf8.count == 64, digest.utf8.allSatisfy({ ASCII.isHexDigit($0) }) else {
            throw .badSetting(
                name: ModelFile.Key.imageDigest, value: quoted(String(digest.prefix(80))),
                expected: "64 hexadecimal digits, as the import records them", file: tensors.file.path)
        }
    }

    /// The tower, for features of `width`, which is not read yet.
    func kept(width: Int?, kernels: Kernels) throws(ModelError) -> KeptImageTower {
        if let width { try Self.check(configuration, width: width, in: tensors.file.path) }
        return KeptImageTower(self, kernels: kernels)
    }

    /// Throws where a tower makes features of another width than a model takes.
    static func check(_ configuration: ImageTower.Configuration, width: Int, in path: String) throws(ModelError) {
        guard configuration.outputWidth == width else {
            throw .badWeights(
                WeightError(
                    name: ImageTower.Names.projection,
                    problem: "makes features \(configuration.outputWidth) wide: expected \(width), the model's width",
                    file: path))
        }
    }
}

/// An image tower in a file, which is read and tested when it is first asked for: whoever never asks pays nothing.
public final class KeptImageTower: Sendable {
    /// Its shape.
    public let configuration: ImageTower.Configuration
    /// SHA-256 of its tensors as they are kept, recorded at the import, in hexadecimal: the tower's own, whatever file it is
    /// in.
    public let sha256: String
    /// SHA-256 of the file that it was imported from, in hexadecimal.
    public let sourceSHA256: String
    /// What was recorded of each arithmetic of fewer bits that can be used: those that it is checked in beside float32.
    public let differences: [Compute: ImageDifference]
    private let file: ImageFile
    private let kernels: Kernels
    private let loaded = Mutex<ImageTower?>(nil)

    init(_ file: ImageFile, kernels: Kernels) {
        self.file = file
        self.kernels = kernels
        configuration = file.configuration
        let metadata = file.tensors.metadata
        sha256 = metadata[ModelFile.Key.imageDigest] ?? ""
        sourceSHA256 = metadata[ModelFile.Key.imageSource] ?? metadata[ModelFile.Key.source] ?? ""
        differences = ImageDifference.recorded(in: file.tensors)
    }

    /// The tower of a model file that kept it, or of a file that holds it alone; throws where there is none.
    public static func open(_ file: MappedFile, kernels: Kernels) throws(ModelError) -> KeptImageTower {
        try ModelFile.refuseOtherKinds(file, option: " --keep-image-tower")
        let tensors: SafetensorsFile
        do throws(SafetensorsError) { tensors = try SafetensorsFile(file: file) } catch {
            throw .notAModel("\(file.path) is no file with an image tower: \(error.description)")
        }
        guard let found = try ImageFile(in: tensors) else { throw noTower(file.path) }
        return try found.kept(width: nil, kernels: kernels)
    }

    private static func noTower(_ path: String) -> ModelError {
        .notAModel(
            "\(path) has no image tower: import the checkpoint with --keep-image-tower, or CLIP's ViT-B-16.pt by itself; "
                + "vigil train takes one into a model by --image-tower"
        )
    }

    /// Bytes that its own tensors take in the file, without what is prepared of them.
    public var byteCount: Int {
        configuration.tensors.reduce(0) { sum, tensor in
            let parts = [tensor.name, WeightPrecision.scales(of: tensor.name)]
            return sum + parts.reduce(0) { $0 + (file.tensors[$1]?.byteRange.count ?? 0) }
        }
    }

    /// The tower of `tensors`, whose header alone is looked at; nil where there is none.
    public static func find(in tensors: SafetensorsFile) throws(ModelError) -> KeptImageTower? {
        try ImageFile(in: tensors)?.kept(width: nil, kernels: .available[0])
    }

    /// The tower, its weights packed and its self-test passed. Whoever asks while it is being read waits. Throws where it
    /// was not checked in the kernels' arithmetic.
    public func tower() throws(ModelError) -> ImageTower {
        try loaded.withLock { (loaded) throws(ModelError) -> ImageTower in
            if let loaded { return loaded }
            let test: ImageSelfTest
            do throws(WeightError) { test = try file.selfTest } catch { throw .badWeights(error) }
            // Before the weights are read.
            try test.check(kernels.compute)
            let tower = try packed()
            try test.run(on: tower, kernels: kernels)
            loaded = tower
            return tower
        }
    }

    private func packed() throws(ModelError) -> ImageTower {
        let stored = PreparedSection(in: file.tensors, image: configuration, kernels: kernels)
        do throws(WeightError) {
            return try ImageTower(
                from: file.weights, configuration: configuration, in: Preparation(kernels: kernels, stored: stored))
        } catch {
            throw .badWeights(error)
        }
    }

    /// Throws unless the tower of `file` passes its self-test by these kernels, in float32 and in what it is checked in beside.
    ///
    /// The portable kernels are what the differences were recorded by: they are not asked for them again.
    static func check(_ file: MappedFile, _ kernels: Kernels) throws(ModelError) {
        let kept = try open(file, kernels: kernels)
        _ = try kept.tower()
        guard kernels.name != Kernels.portable.name else { return }
        for compute in Compute.allCases where kept.differences[compute] != nil {
            _ = try open(file, kernels: kernels.computing(compute)).tower()
        }
    }
}
