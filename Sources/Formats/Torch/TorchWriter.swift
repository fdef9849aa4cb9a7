import Platform
import Zlib

/// Writes float32 tensors as `torch.save` writes a state dict: a zip archive of stored entries, a pickle of protocol 2 that
/// describes the tensors, and each tensor's storage, little-endian.
///
/// `torch.load`, its `weights_only` form too, makes an `OrderedDict` of it. Tensors are made one after the other, so that only
/// one need be in memory.
public struct TorchWriter {
    /// A tensor to be written.
    public struct Tensor {
        let name: String
        let shape: [Int]
        let values: () throws -> [Float]

        /// - Parameters:
        ///   - name: the tensor
        ///   - shape: of the tensor
        ///   - values: the elements, row-major, computed when it is their turn
        public init(name: String, shape: [Int], values: @escaping () throws -> [Float]) {
            self.name = name
            self.shape = shape
            self.values = values
        }
    }

    /// Zip's fields have 32 bits, and there is no need of zip64 yet.
    private static let mostBytes = 1 << 32 - 1
    private static let mostTensors = 10_000

    private let tensors: [Tensor]
    private let pickle: [UInt8]

    /// Describes the tensors in the order given.
    public init(tensors: [Tensor]) throws(CheckpointError) {
        var names: Set<ByteText> = []
        var total = 0
        for tensor in tensors {
            guard names.insert(ByteText(tensor.name)).inserted else {
                throw .tensor(name: tensor.name, reason: "occurs twice among those to be written")
            }
            guard tensor.name.utf8.count <= 1_000, let bytes = (tensor.shape + [4]).checkedProduct(),
                case let (sum, overflow) = total.addingReportingOverflow(bytes + 2_000), !overflow
            else { throw .tensor(name: tensor.name, reason: "of shape \(tensor.shape) is too large to be written") }
            total = sum
        }
        guard total <= Self.mostBytes, tensors.count <= Self.mostTensors else {
            throw .tensor(
                name: tensors.last?.name ?? "", reason: "makes the checkpoint larger than the 4 GiB that are written")
        }
        self.tensors = tensors
        pickle = TorchPickle.stateDict(tensors.map { ($0.name, $0.shape) })
    }

    /// Writes the whole file; nothing is left behind where a tensor or the disk fails.
    ///
    /// Throws `FileError`, `CheckpointError` where a tensor has too many or too few values, or the tensor's error.
    public func write(to path: String) throws {
        var archive = StoredZip(file: try AtomicFile(path: path))
        try archive.add("archive/data.pkl", pickle)
        for (index, tensor) in tensors.enumerated() {
            let values = try tensor.values()
            guard values.count == tensor.shape.checkedProduct() else {
                throw CheckpointError.tensor(
                    name: tensor.name, reason: "has \(values.count) values, and its shape is \(tensor.shape)")
            }
            try archive.add("archive/data/\(index)", littleEndian(values))
        }
        try archive.add("archive/version", Array("3\n".utf8))
        try archive.finish()
    }

    private func littleEndian(_ values: [Float]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(4 * values.count)
        appendLittleEndian(values, to: &bytes)
        return bytes
    }
}

/// The pickle of an `OrderedDict` of tensors, each with a storage of its own that is named by its place.
private struct TorchPickle {
    private var bytes: [UInt8] = [0x80, 2]

    static func stateDict(_ tensors: [(name: String, shape: [Int])]) -> [UInt8] {
        var pickle = TorchPickle()
        pickle.emptyDict()
        pickle.bytes.append(UInt8(ascii: "("))
        for (index, tensor) in tensors.enumerated() {
            pickle.string(tensor.name)
            pickle.tensor(String(index), tensor.shape)
        }
        pickle.bytes += [UInt8(ascii: "u"), UInt8(ascii: ".")]
        return pickle.bytes
    }

    /// `torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`
    private mutating func tensor(_ key: String, _ shape: [Int]) {
        global("torch._utils", "_rebuild_tensor_v2")
        bytes.append(UInt8(ascii: "("))
        let count = shape.reduce(1, *)
        tuple { pickle in
            pickle.string("storage")
            pickle.global("torch", "FloatStorage")
            pickle.string(key)
            pickle.string("cpu")
            pickle.integer(count)
        }
        bytes.append(UInt8(ascii: "Q"))
        integer(0)
        tuple { pickle in for length in shape { pickle.integer(length) } }
        tuple { pickle in for axis in shape.indices { pickle.integer(shape[(axis + 1)...].reduce(1, *)) } }
        bytes.append(0x89)
        emptyDict()
        bytes += [UInt8(ascii: "t"), UInt8(ascii: "R")]
    }

    private mutating func emptyDict() {
        global("collections", "OrderedDict")
        bytes += [UInt8(ascii: ")"), UInt8(ascii: "R")]
    }

    private mutating func tuple(_ items: (inout TorchPickle) -> Void) {
        bytes.append(UInt8(ascii: "("))
        items(&self)
        bytes.append(UInt8(ascii: "t"))
    }

    private mutating func global(_ module: String, _ name: String) {
        bytes += Array("c\(module)\n\(name)\n".utf8)
    }

    private mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "X"))
        append(UInt32(text.utf8.count))
        bytes += Array(text.utf8)
    }

    /// BININT where the number has 31 bits, else LONG1.
    private mutating func integer(_ value: Int) {
        if let short = Int32(exactly: value) {
            bytes.append(UInt8(ascii: "J"))
            append(UInt32(bitPattern: short))
        } else {
            bytes += [0x8A, 8]
            withUnsafeBytes(of: Int64(value).littleEndian) { bytes.append(contentsOf: $0) }
        }
    }

    private mutating func append(_ value: UInt32) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}

/// A zip archive of stored entries, whose bytes begin on multiples of 64 as torch has them.
private struct StoredZip: ~Copyable {
    private var file: AtomicFile
    private var directory: [UInt8] = []
    private var entries: UInt16 = 0

    init(file: consuming AtomicFile) { self.file = file }

    mutating func add(_ name: String, _ contents: [UInt8]) throws {
        let offset = file.count
        let name = Array(name.utf8)
        let sum = contents.withUnsafeBytes { crc32(of: $0) }
        let room = 64 - (offset + 30 + name.count + 4) % 64
        let filling = UInt16(room % 64)
        var fields: [UInt8] = []
        Self.append(UInt16(20), to: &fields)
        Self.append([0, 0, 0, 0x21] as [UInt16], to: &fields)
        Self.append(sum, to: &fields)
        Self.append(UInt32(contents.count), to: &fields)
        Self.append(UInt32(contents.count), to: &fields)
        Self.append(UInt16(name.count), to: &fields)
        var head: [UInt8] = [0x50, 0x4B, 3, 4] + fields
        Self.append(filling + 4, to: &head)
        head += name + Array("FB".utf8)
        Self.append(filling, to: &head)
        head += [UInt8](repeating: UInt8(ascii: "Z"), count: Int(filling))
        try file.write(head)
        try file.write(contents)
        directory += [0x50, 0x4B, 1, 2]
        Self.append(UInt16(20), to: &directory)
        directory += fields
        Self.append([0, 0, 0, 0] as [UInt16], to: &directory)
        Self.append(UInt32(0), to: &directory)
        Self.append(UInt32(offset), to: &directory)
        directory += name
        entries += 1
    }

    consuming func finish() throws {
        let (offset, count) = (file.count, entries)
        var end: [UInt8] = [0x50, 0x4B, 5, 6]
        Self.append([0, 0, count, count] as [UInt16], to: &end)
        Self.append(UInt32(directory.count), to: &end)
        Self.append(UInt32(offset), to: &end)
        Self.append(UInt16(0), to: &end)
        try file.write(directory)
        try file.write(end)
        try file.commit()
    }

    private static func append<T: FixedWidthInteger>(_ value: T, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private static func append(_ values: [UInt16], to bytes: inout [UInt8]) {
        for value in values { append(value, to: &bytes) }
    }
}
