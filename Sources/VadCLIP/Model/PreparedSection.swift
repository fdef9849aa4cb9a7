import CLIP
import Formats
import Platform
import Tensors

/// The part of a model file that holds the weights as one set of kernels takes them, so that loading does no work and
/// processes share the pages.
///
/// It is made of the published tensors of the same file and used only where they are still those it was made of; a file
/// without it, or with one for other kernels, loads as well, in more time.
struct PreparedSection: PreparedWeights {
    /// Begins the names of its tensors.
    static let prefix = "prepared/"
    /// Changes with what is prepared, or how.
    private static let version = 1
    /// Blocks are rounded up to whole cache lines, so that each begins on one.
    private static let line = 16

    private let file: SafetensorsFile

    /// The section of `file` for `kernels`, if there is one of this version and the tensors are unchanged.
    init?(in file: SafetensorsFile, configuration: ModelConfiguration, kernels: Kernels) {
        self.init(in: file, of: Network.tensors(of: configuration), key: ModelFile.Key.preparedFrom, kernels) {
            Self.text($0, configuration)
        }
    }

    /// The same of the image tower. It reads the tower's tensors from end to end.
    init?(in file: SafetensorsFile, image: ImageTower.Configuration, kernels: Kernels) {
        self.init(in: file, of: image.tensors, key: ModelFile.Key.imagePrepared, kernels) { Self.text($0) }
    }

    private init?(
        in file: SafetensorsFile, of tensors: [(name: String, shape: [Int])], key: String, _ kernels: Kernels,
        text: (Fingerprint) -> String
    ) {
        #if _endian(little)
            guard file.metadata[ModelFile.Key.prepared] == Self.tag(kernels) else { return nil }
            var fingerprint = Fingerprint()
            for (name, shape) in tensors {
                guard let tensor = file[name], tensor.shape == shape else { return nil }
                file.file.forEachPiece(of: tensor.byteRange) { fingerprint.update($0) }
                if let scales = file[WeightPrecision.scales(of: name)] {
                    file.file.forEachPiece(of: scales.byteRange) { fingerprint.update($0) }
                }
            }
            guard file.metadata[key] == text(fingerprint) else { return nil }
            self.file = file
        #else
            return nil
        #endif
    }

    func block(_ name: String, count: Int) -> AlignedFloats? {
        guard let tensor = file[Self.prefix + name], tensor.elementType == .float32,
            tensor.shape == [Self.stored(count)]
        else { return nil }
        return file.withBytes(of: tensor) { bytes in
            guard let base = bytes.baseAddress, UInt(bitPattern: base) % 64 == 0 else { return nil }
            // Sound: the tensor has at least `count` floats, aligned, read-only and never written, and the mapping stays
            // as long as its file object, which the block keeps.
            let floats = UnsafeBufferPointer(start: base.assumingMemoryBound(to: Float.self), count: count)
            return AlignedFloats(reading: floats, of: file.file)
        }
    }

    /// The arithmetics that blocks of these names are for: those of fewer bits stand before what depends on them, and it
    /// has its plain name where float32's is there too.
    static func computes(of names: [String]) -> [Compute] {
        let blocks = names.compactMap { name in name.rest(after: prefix).map { String($0) } }
        guard !blocks.isEmpty else { return [] }
        let plain = Set(blocks.map { ByteText($0) })
        var found: [Compute] = []
        var isOfFloat32 = false
        for compute in Compute.allCases where compute != .float32 {
            let own = blocks.filter { $0.begins(with: compute.rawValue + ".") }
            guard !own.isEmpty else { continue }
            found.append(compute)
            isOfFloat32 =
                isOfFloat32
                || own.contains { name in
                    plain.contains(ByteText(name.pieces(between: ASCII.dot).dropFirst(2).joined(separator: ".")))
                }
        }
        return (found.isEmpty || isOfFloat32 ? [.float32] : []) + found
    }

    /// What the metadata say of a section for `kernels`.
    static func tag(_ kernels: Kernels) -> String { "\(kernels.name)/\(version)" }

    /// What the metadata say of the tensors that a section is made of.
    static func text(_ fingerprint: Fingerprint, _ configuration: ModelConfiguration) -> String {
        "\(fingerprint.text)/\(configuration.window)"
    }

    /// The same of an image tower's tensors.
    static func text(_ fingerprint: Fingerprint) -> String { "\(fingerprint.text)/image-1" }

    /// What a section of these tensors will find when it reads them.
    static func fingerprint(of tensors: [SafetensorsWriter.Tensor]) throws -> Fingerprint {
        var fingerprint = Fingerprint()
        for tensor in tensors { try tensor.write(to: { fingerprint.update($0) }) }
        return fingerprint
    }

    /// The blocks of preparations for the same kernels as tensors to write, what they have in common once.
    static func tensors(_ preparations: [Preparation]) -> [SafetensorsWriter.Tensor] {
        var known: Set<ByteText> = []
        let blocks = preparations.flatMap(\.blocks).filter { known.insert(ByteText($0.name)).inserted }
        return blocks.map { name, floats in
            .init(name: prefix + name, elementType: .float32, shape: [stored(floats.count)]) { sink in
                try floats.withFloats { try sink(UnsafeRawBufferPointer($0)) }
                let padding = [Float](repeating: 0, count: stored(floats.count) - floats.count)
                try padding.withUnsafeBytes { try sink($0) }
            }
        }
    }

    private static func stored(_ count: Int) -> Int { (count + line - 1) / line * line }
}

/// The tensors of a safetensors file as weights, those of a `WeightPrecision` among them.
struct SafetensorsWeights: WeightSource {
    let file: SafetensorsFile

    func shape(of name: String) -> [Int]? { file[name]?.shape }

    func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
        do {
            let values = try file.floats(name, shape: shape)
            let scales = WeightPrecision.scales(of: name)
            guard file[name]?.elementType == .int8, file[scales] != nil, let rows = shape.first, rows > 0 else {
                return values
            }
            let expected = WeightPrecision.scaleShape(rows: rows, columns: values.count / rows)
            return WeightPrecision.scale(values, by: try file.floats(scales, shape: expected), rows: rows)
        } catch {
            throw WeightError(name: name, problem: "can't be used: \(error.description)")
        }
    }
}
