import Platform
import Synchronization

/// A checkpoint that `torch.save` wrote (PyTorch 1.6 or later), mapped, with nothing in it executed.
///
/// The state dict is the root dictionary, or stands under `model_state_dict`, `state_dict`, `model` or other keys; the
/// optimizer's state and all else is passed over, and so is DataParallel's `module.` before every name. All descriptions
/// of tensors are checked when the file is opened; their values are read when asked for.
///
/// Of a TorchScript archive the tensors of its module are read, under the names that its state dict would have; the program
/// beside them is not looked at.
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
    ///   - file: the archive
    ///   - limits: what may be asked of memory
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
        let reader = TorchStateDict(
            graph: graph, archive: archive, folder: folder, path: file.path, mark: mark, asked: container)
        let isScript = archive.entries.contains { $0.name.begins(with: folder + "code/") }
        let contents = isScript ? try reader.moduleContents() : try reader.contents()
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

    /// Elements of all tensors together; what two names have whole counts once, parts of one storage each by themselves.
    public var totalParameters: Int {
        var seen: Set<[Int]> = []
        return tensors.reduce(0) { sum, tensor in
            let place = [tensor.storage.dataRange.lowerBound, tensor.offset] + tensor.shape + tensor.strides
            guard seen.insert(place).inserted else { return sum }
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
    /// - Parameters:
    ///   - name: the tensor
    ///   - shape: the shape it must have; any where nil
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

extension TorchCheckpoint {
    /// Says what the file is where it is plainly something else.
    static func refuseOtherKinds(_ file: MappedFile) throws(CheckpointError) {
        let reason: String
        switch FileKind.detect(file) {
        case .torchZip: return
        case .legacyTorch:
            reason = "is in the format of PyTorch before 1.6; load it with torch.load and save it again with torch.save"
        case .safetensors: reason = "is a safetensors file, not a PyTorch checkpoint"
        case .npy: reason = "is a numpy array, not a PyTorch checkpoint"
        case .gzip: reason = "is gzip data, not a PyTorch checkpoint; unpack it first"
        case .json: reason = "is JSON, not a PyTorch checkpoint"
        case .html: reason = "is a web page, not a PyTorch checkpoint; the download went wrong"
        case .gitLFSPointer:
            reason = "is a Git LFS pointer, which stands for the checkpoint; fetch it with git lfs pull"
        case .foreign(let format): reason = "is \(format.name), not a PyTorch checkpoint"
        case .unknown:
            reason = file.count == 0 ? "is empty" : "is not a PyTorch checkpoint: it does not begin as a zip archive"
        }
        throw .notACheckpoint(path: file.path, reason: reason)
    }

    /// The one `data.pkl` in a top folder, whatever that is called, and the folder with its slash.
    static func findPickle(_ archive: ZipArchive) throws(CheckpointError) -> (folder: String, pickle: ZipEntry) {
        let path = archive.file.path
        var found: [(folder: String, pickle: ZipEntry)] = []
        for entry in archive.entries {
            let parts = entry.name.pieces(between: ASCII.slash)
            if parts.count == 2, parts[1] == "data.pkl" { found.append((parts[0] + "/", entry)) }
        }
        guard let first = found.first else {
            throw .notACheckpoint(
                path: path, reason: "is a zip archive without a checkpoint: it has no FOLDER/data.pkl")
        }
        guard found.count == 1 else {
            throw .notACheckpoint(path: path, reason: "is a zip archive with \(found.count) files named data.pkl")
        }
        return first
    }

    /// Refuses tensors that together claim many times the numbers that are in the file, as views with stride 0 and
    /// storages shared by all can: a small file would grow to gigabytes wherever it is read.
    static func refuseInflated(_ tensors: [TorchTensor], path: String) throws(CheckpointError) {
        var claimed = 0
        var stored = 0
        var storages: Set<ByteText> = []
        for tensor in tensors {
            claimed = Int(clamping: UInt64(claimed) &+ UInt64(min(tensor.elementCount, 1 << 50)))
            if storages.insert(ByteText(tensor.storage.name)).inserted {
                stored += tensor.storage.size / tensor.elementType.byteSize
            }
        }
        guard claimed <= 4 * stored + (4 << 20) else {
            throw .notACheckpoint(
                path: path, reason: "has tensors of \(claimed) elements in all, but only \(stored) numbers to fill them"
            )
        }
    }

    /// Files since PyTorch 2.0 say their byte order; older ones are little-endian.
    static func checkByteOrder(_ archive: ZipArchive, folder: String) throws(CheckpointError) {
        guard let entry = archive.entry(named: folder + "byteorder") else { return }
        let path = archive.file.path
        let text: [UInt8]
        do throws(ZipError) { text = try archive.contents(of: entry, limit: 64) } catch {
            throw .archive(path: path, error)
        }
        guard text.elementsEqual("little".utf8) else {
            let order = quoted(String(decoding: text, as: UTF8.self))
            throw .notACheckpoint(path: path, reason: "has the byte order \(order), and only 'little' is read")
        }
    }
}

/// Why a PyTorch checkpoint could not be read.
public enum CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file is something else, or a sort of checkpoint that is not read here.
    case notACheckpoint(path: String, reason: String)
    /// The zip archive around it is at fault.
    case archive(path: String, ZipError)
    /// The description of the tensors is at fault, or asks for what no checkpoint needs.
    case pickle(path: String, PickleError)
    /// A tensor does not fit its storage, or is of a kind that is not read here.
    case tensor(name: String, reason: String)
    /// There is no tensor of that name.
    case missing(name: String)
    /// The tensor has another shape than the one asked for.
    case shape(name: String, expected: [Int], found: [Int])

    /// One sentence.
    public var description: String {
        switch self {
        case .notACheckpoint(let path, let reason): "\(path) \(reason)"
        case .archive(let path, let error): "\(path): \(error)"
        case .pickle(let path, let error): "\(path): \(error)"
        case .tensor(let name, let reason): "the tensor \(quoted(name)) \(reason)"
        case .missing(let name): "the checkpoint has no tensor \(quoted(name))"
        case .shape(let name, let expected, let found):
            "the tensor \(quoted(name)) has the shape \(found), and \(expected) was expected"
        }
    }
}

/// How much of a checkpoint is taken.
public struct CheckpointLimits: Equatable, Sendable {
    /// Entries of the archive.
    public var zip = ZipLimits()
    /// The work of reading the pickle.
    public var pickle = PickleLimits()
    /// Bytes of the pickle.
    public var maxPickleBytes = 32 << 20
    /// Bytes of one storage.
    public var maxStorageBytes = 8 << 30
    /// Elements of one tensor that is read; 256 Mi are 1 GiB of float32.
    public var maxTensorElements = 256 << 20

    /// The usual limits.
    public init() {}
}
