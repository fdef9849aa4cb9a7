import Formats
import Numerics
import Platform

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
        #if _endian(little)
            guard file.metadata[ModelFile.Key.prepared] == Self.tag(kernels) else { return nil }
            var fingerprint = Fingerprint()
            for (name, shape) in Network.tensors(of: configuration) {
                guard let tensor = file[name], tensor.shape == shape else { return nil }
                file.file.forEachPiece(of: tensor.byteRange) { fingerprint.update($0) }
                if let scales = file[WeightPrecision.scales(of: name)] {
                    file.file.forEachPiece(of: scales.byteRange) { fingerprint.update($0) }
                }
            }
            let found = Self.text(fingerprint, configuration)
            guard file.metadata[ModelFile.Key.preparedFrom] == found else { return nil }
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

    /// What the metadata say of a section for `kernels`.
    static func tag(_ kernels: Kernels) -> String { "\(kernels.name)/\(version)" }

    /// What the metadata say of the tensors that a section is made of.
    static func text(_ fingerprint: Fingerprint, _ configuration: ModelConfiguration) -> String {
        "\(fingerprint.text)/\(configuration.window)"
    }

    /// The blocks of a preparation as tensors to write.
    static func tensors(_ preparation: Preparation) -> [SafetensorsWriter.Tensor] {
        preparation.blocks.map { name, floats in
            .init(name: prefix + name, elementType: .float32, shape: [stored(floats.count)]) { sink in
                try floats.withFloats { try sink(UnsafeRawBufferPointer($0)) }
                let padding = [Float](repeating: 0, count: stored(floats.count) - floats.count)
                try padding.withUnsafeBytes { try sink($0) }
            }
        }
    }

    private static func stored(_ count: Int) -> Int { (count + line - 1) / line * line }
}
