import Platform

/// Features that `torch.save` wrote, read as checkpoints are: nothing in the file is executed.
public enum TorchFeatures {
    /// Whether `torch.save` of PyTorch 1.6 or later wrote the file, whatever it holds.
    public static func isTorch(_ file: MappedFile) -> Bool {
        guard FileKind.detect(file) == .torchZip, let archive = try? ZipArchive(file: file) else { return false }
        return archive.entries.contains { entry in
            let parts = entry.name.pieces(between: ASCII.slash)
            return parts.count == 2 && parts[1] == "data.pkl"
        }
    }

    /// The tensor that was saved alone, or is called `features` in a dictionary, or is the only one in it and a matrix;
    /// nil where there is none, as in a checkpoint.
    public static func array(in file: MappedFile, limits: ArrayLimits) throws(CheckpointError) -> DecodedArray? {
        let archive: ZipArchive
        do throws(ZipError) { archive = try ZipArchive(file: file) } catch { throw .archive(path: file.path, error) }
        let (folder, pickle) = try TorchCheckpoint.findPickle(archive)
        try TorchCheckpoint.checkByteOrder(archive, folder: folder)
        let graph = try archive.withContents(
            of: pickle, limit: CheckpointLimits().maxPickleBytes,
            wrap: { CheckpointError.archive(path: file.path, $0) }
        ) { bytes throws(CheckpointError) in
            do throws(PickleError) { return try PickleReader.read(bytes) } catch {
                throw CheckpointError.pickle(path: file.path, error)
            }
        }
        let isAlone = graph.call(graph.root) != nil
        let tensors = try TorchStateDict(
            graph: isAlone ? named(graph) : graph, archive: archive, folder: folder, path: file.path
        ).contents().tensors
        let matrix = tensors.count == 1 && (isAlone || tensors[0].shape.count == 2) ? tensors[0] : nil
        guard let tensor = tensors.first(where: { $0.name == name }) ?? matrix else { return nil }
        try TorchCheckpoint.refuseInflated([tensor], path: file.path)
        return try decode(tensor, in: archive, limits: limits)
    }

    private static let name = "features"

    /// What stands alone, as the only member of a dictionary.
    private static func named(_ graph: PickleGraph) -> PickleGraph {
        var graph = graph
        let key = graph.add(.string(name))
        graph.root = graph.add(.dict, items: [key, graph.root])
        return graph
    }

    private static func decode(
        _ tensor: TorchTensor, in archive: ZipArchive, limits: ArrayLimits
    ) throws(CheckpointError) -> DecodedArray {
        func fault(_ reason: String) -> CheckpointError { .tensor(name: tensor.name, reason: reason) }
        guard tensor.elementType.isFloatingPoint else {
            throw fault("is \(tensor.elementType); float16, bfloat16, float32 and float64 are taken")
        }
        guard tensor.elementCount <= limits.maxElements, tensor.shape.count <= ArrayLimits.maxRank else {
            throw fault(
                "has the shape \(tensor.shape); at most \(limits.maxElements) elements and \(ArrayLimits.maxRank) axes "
                    + "are taken")
        }
        var array = DecodedArray(shape: tensor.shape, elementType: tensor.elementType, values: [])
        guard tensor.elementCount > 0 else { return array }
        // Nobody needs a compressed storage that is many times what is taken of it; a small file would fill the memory.
        let taken = 4 * tensor.elementCount * tensor.elementType.byteSize + (16 << 20)
        array.values = try archive.withContents(
            of: tensor.storage, limit: tensor.storage.method == .stored ? CheckpointLimits().maxStorageBytes : taken,
            wrap: { CheckpointError.archive(path: archive.file.path, $0) }
        ) { bytes throws(CheckpointError) in values(of: tensor, in: bytes) }
        return array
    }

    /// Sound because a `TorchTensor` has all its elements inside of its storage.
    private static func values(of tensor: TorchTensor, in bytes: UnsafeRawBufferPointer) -> [Float] {
        let size = tensor.elementType.byteSize
        return [Float](unsafeUninitializedCapacity: tensor.elementCount) { output, count in
            var walk = StridedWalk(shape: tensor.shape, strides: tensor.strides, offset: tensor.offset)
            while let run = walk.next() {
                let part = UnsafeMutableBufferPointer(rebasing: output[count..<count + run.count])
                tensor.elementType.convert(
                    bytes, .little, start: run.start * size, step: run.stride * size, count: run.count, into: part)
                count += run.count
            }
        }
    }
}
