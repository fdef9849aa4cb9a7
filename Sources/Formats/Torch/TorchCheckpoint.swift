import Platform
import Synchronization

/// A checkpoint that `torch.save` wrote (PyTorch 1.6 or later), mapped, with nothing in it executed.
///
/// The state dict is the root dictionary, or stands under `model_state_dict`, `state_dict`, `model` or other keys; the
/// optimizer's state and all else is passed over, and so is DataParallel's `module.` before every name. All descriptions
/// of tensors are checked when the file is opened; their values are read when asked for.
public struct TorchCheckpoint: Sendable {
    /// The tensors in the state dict's order.
    public let tensors: [TorchTensor]
    /// What stands in the state dict and is not read here (sparse, quantised, complex), and why.
    public let unread: [ByteText: String]
    /// The keys, joined by dots, that lead to the state dict; empty where it is the root.
    public let container: String
    /// Other containers that hold the same names, such as weights that were averaged.
    public let otherContainers: [String]
    private let archive: ZipArchive
    private let limits: CheckpointLimits
    private let indexes: [ByteText: Int]
    private let verified = VerifiedEntries()

    /// Reads and checks the archive's directory and the description of the tensors.
    ///
    /// - Parameters:
    ///   - mark: the end of a name that the wanted weights have, which tells them from others beside them
    ///   - container: the keys, joined by dots, of the container to take; the usual one where there is none
    public init(
        file: MappedFile, limits: CheckpointLimits = CheckpointLimits(), mark: String? = nil, container: String? = nil
    ) throws(CheckpointError) {
        try TorchCheckpoint.refuseOtherKinds(file)
        let archive: ZipArchive
        do throws(ZipError) { archive = try ZipArchive(file: file, limits: limits.zip) } catch {
            throw .archive(path: file.path, error)
        }
        let (folder, pickle) = try TorchCheckpoint.findPickle(archive)
        try TorchCheckpoint.checkByteOrder(archive, folder: folder)
        let graph = try archive.withContents(
            of: pickle, limit: limits.maxPickleBytes, wrap: { CheckpointError.archive(path: file.path, $0) }
        ) { bytes throws(CheckpointError) in
            do throws(PickleError) { return try PickleReader.read(bytes, limits: limits.pickle) } catch {
                throw CheckpointError.pickle(path: file.path, error)
            }
        }
        let contents = try TorchStateDict(
            graph: graph, archive: archive, folder: folder, path: file.path, mark: mark, asked: container
        ).contents()
        let tensors = contents.tensors
        try TorchCheckpoint.refuseInflated(tensors, path: file.path)
        self.tensors = tensors
        self.unread = Dictionary(
            contents.unread.map { (ByteText($0.name), $0.reason) }, uniquingKeysWith: { first, _ in first })
        self.container = contents.container
        self.otherContainers = contents.others
        self.archive = archive
        self.limits = limits
        self.indexes = Dictionary(
            tensors.enumerated().map { (ByteText($1.name), $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The tensors' names in the state dict's order.
    public var names: [String] { tensors.map(\.name) }

    /// The tensor of that name.
    public func tensor(named name: String) -> TorchTensor? { indexes[ByteText(name)].map { tensors[$0] } }

    /// Elements of the tensor of that name; nil where there is none.
    public func elementCount(_ name: String) -> Int? { tensor(named: name)?.elementCount }

    /// Elements of all tensors together; shared ones count each time.
    public var totalParameters: Int {
        tensors.reduce(0) { sum, tensor in
            let (next, overflow) = sum.addingReportingOverflow(tensor.elementCount)
            return overflow ? Int.max : next
        }
    }
}

extension TorchCheckpoint {
    /// The tensor's elements as float32, row-major whatever its strides.
    ///
    /// A storage that is stored plainly is read from the mapping, and its checksum verified the first time. A deflated
    /// one is unpacked for this call and dropped after it, so that no more than one is ever in memory.
    ///
    /// - Parameter shape: the shape it must have; any where nil
    public func floats(_ name: String, shape: [Int]? = nil) throws(CheckpointError) -> [Float] {
        guard let tensor = tensor(named: name) else {
            if let reason = unread[name] { throw .tensor(name: name, reason: reason) }
            throw .missing(name: name)
        }
        if let shape, shape != tensor.shape { throw .shape(name: name, expected: shape, found: tensor.shape) }
        return try floats(of: tensor)
    }

    /// Some rows (indexes of the first axis) of a tensor, for those too large to hold whole.
    public func floats(_ name: String, rows: Range<Int>) throws(CheckpointError) -> [Float] {
        guard var tensor = tensor(named: name) else { throw .missing(name: name) }
        guard let length = tensor.shape.first, rows.lowerBound >= 0, rows.upperBound <= length else {
            throw .tensor(name: name, reason: "of shape \(tensor.shape) has no rows \(rows)")
        }
        tensor.offset += rows.lowerBound * tensor.strides[0]
        tensor.shape[0] = rows.count
        tensor.elementCount = length == 0 ? 0 : tensor.elementCount / length * rows.count
        return try floats(of: tensor)
    }

    private func floats(of tensor: TorchTensor) throws(CheckpointError) -> [Float] {
        guard tensor.elementCount <= limits.maxTensorElements else {
            throw .tensor(
                name: tensor.name,
                reason: "has \(tensor.elementCount) elements, and the limit is \(limits.maxTensorElements)")
        }
        guard tensor.elementCount > 0 else { return [] }
        let entry = tensor.storage
        let path = archive.file.path
        return try archive.withContents(
            of: entry, limit: limits.maxStorageBytes, isVerified: verified.contains(entry.name),
            wrap: { CheckpointError.archive(path: path, $0) }
        ) { bytes throws(CheckpointError) in
            verified.insert(entry.name)
            return TorchCheckpoint.convert(tensor, bytes)
        }
    }

    /// Sound because `TorchTensor` can only be made with all its elements inside the storage, and `withContents` gives
    /// all of the storage's bytes or throws; `ElementType.convert` checks each run once more.
    private static func convert(_ tensor: TorchTensor, _ bytes: UnsafeRawBufferPointer) -> [Float] {
        let type = tensor.elementType
        let size = type.byteSize
        return [Float](unsafeUninitializedCapacity: tensor.elementCount) { output, count in
            if tensor.isContiguous {
                type.convert(
                    bytes, .little, start: tensor.offset * size, step: size, count: tensor.elementCount, into: output)
                count = tensor.elementCount
                return
            }
            var walk = StridedWalk(shape: tensor.shape, strides: tensor.strides, offset: tensor.offset)
            while let run = walk.next() {
                let part = UnsafeMutableBufferPointer(rebasing: output[count..<count + run.count])
                type.convert(
                    bytes, .little, start: run.start * size, step: run.stride * size, count: run.count, into: part)
                count += run.count
            }
        }
    }
}

/// Names of stored entries whose checksum has been found right, so that it is computed once an entry.
private final class VerifiedEntries: Sendable {
    private let names = Mutex<Set<ByteText>>([])

    func contains(_ name: String) -> Bool { names.withLock { $0.contains(ByteText(name)) } }

    func insert(_ name: String) { names.withLock { _ = $0.insert(ByteText(name)) } }
}
