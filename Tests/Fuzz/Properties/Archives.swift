import Platform
import Zlib

@testable import Formats

/// Runs `body` with the input as the file that readers of archives take, exactly as long as it is.
func withFile(_ input: UnsafeRawBufferPointer, _ body: (MappedFile) -> Void) {
    withExactCopy(of: input, 0..<input.count) { bytes in
        // The file is not kept beyond the call, as long as the copy lives.
        bytes.withMemoryRebound(to: UInt8.self) { buffer in
            guard let base = buffer.baseAddress else { return }
            body(MappedFile(staticBytes: base, count: buffer.count, name: "input"))
        }
    }
}

private let contentLimit = 1 << 18

/// A zip archive: entries are inside of it and apart from one another, and have the size that they claim.
func checkZip(_ input: UnsafeRawBufferPointer) {
    checkBody(input)
    withFile(input) { file in
        guard let archive = try? ZipArchive(file: file) else { return }
        var end = 0
        for entry in archive.entries.sorted(by: { $0.dataRange.lowerBound < $1.dataRange.lowerBound }) {
            require(entry.dataRange.lowerBound >= end && entry.dataRange.upperBound <= input.count, "none overlap")
            end = entry.dataRange.upperBound
            require(archive.entry(named: entry.name) == entry, "an entry is found by its name")
            guard let contents = try? archive.contents(of: entry, limit: contentLimit) else { continue }
            require(contents.count == entry.size && contents.count <= contentLimit, "an entry has its size")
            let sum = contents.withUnsafeBytes { crc32(of: $0) }
            require(sum == entry.crc32, "an entry has its checksum")
        }
        require(Set(archive.entries.map(\.name)).count == archive.entries.count, "names differ")
        checkCheckpoint(file)
    }
}

/// In memory and unpacked piece by piece, an archive is what it is as a file; no entry gives more than it claims.
private func checkBody(_ input: UnsafeRawBufferPointer) {
    let bytes = Array(input)
    _ = ZipBody.firstName(in: bytes)
    withFile(input) { file in
        let archive = try? ZipArchive(file: file)
        let body = try? ZipBody(bytes)
        require(archive?.entries == body?.entries, "both find the same entries")
        guard let archive, let body else { return }
        for entry in body.entries where entry.size <= contentLimit {
            var contents: [UInt8] = []
            let outcome = Result { () throws(ZipError) in
                try body.forEachPiece(of: entry, wrap: { $0 }) { piece throws(ZipError) in
                    contents.append(contentsOf: piece)
                    require(contents.count <= entry.size, "an entry gives no more than it claims")
                }
            }
            let whole = try? archive.contents(of: entry, limit: contentLimit)
            let pieces = (try? outcome.get()).map { contents }
            require(pieces == whole, "\(entry.name) is the same in pieces")
        }
    }
}

/// Every tensor of a checkpoint that opens can be read, or is refused; it has as many numbers as its shape says.
private func checkCheckpoint(_ file: MappedFile) {
    var limits = CheckpointLimits()
    limits.maxTensorElements = 1 << 20
    limits.maxStorageBytes = contentLimit
    limits.maxPickleBytes = contentLimit
    do throws(CheckpointError) {
        let checkpoint = try TorchCheckpoint(file: file, limits: limits)
        for tensor in checkpoint.tensors.prefix(20) {
            require(tensor.shape.checkedProduct() == tensor.elementCount, "a tensor has what its shape says")
            guard let floats = try? checkpoint.floats(tensor.name) else { continue }
            require(floats.count == tensor.elementCount, "\(tensor.name) has all its numbers")
            guard let rows = tensor.shape.first, rows > 0 else { continue }
            let first = (try? checkpoint.floats(tensor.name, rows: 0..<1)) ?? []
            let isFront = first.elementsEqual(floats.prefix(first.count)) { $0.bitPattern == $1.bitPattern }
            require(first.count == floats.count / rows && isFront, "the first row is the front")
        }
    } catch {
        require(!error.description.contains("\n"), "an error is one line")
    }
    checkFeatures(file)
}

/// Features in a file of `torch.save` have as many numbers as their shape says, or are refused.
private func checkFeatures(_ file: MappedFile) {
    guard TorchFeatures.isTorch(file) else { return }
    let limits = ArrayLimits(maxElements: 1 << 16)
    do throws(CheckpointError) {
        guard let array = try TorchFeatures.array(in: file, limits: limits) else { return }
        require(array.shape.checkedProduct() == array.values.count, "there are as many numbers as the shape says")
        require(array.values.count <= limits.maxElements && array.elementType.isFloatingPoint, "the limits hold")
    } catch {
        require(!error.description.contains("\n"), "an error is one line")
    }
}

/// A pickle by itself, and as a checkpoint's in an archive with three storages.
func checkPickle(_ input: UnsafeRawBufferPointer) {
    var limits = PickleLimits()
    limits.maxTextBytes = 4096
    limits.maxValues = 4096
    limits.maxOpcodes = 16384
    limits.maxMemo = 1024
    limits.maxStack = 2048
    do throws(PickleError) {
        let graph = try PickleReader.read(input, limits: limits)
        require(graph.count <= limits.maxValues && graph.count <= input.count, "a value needs an instruction")
    } catch {
        require(!error.description.contains("\n"), "an error is one line")
    }
    var archive = StoredArchive()
    archive.add("archive/data.pkl", Array(input))
    for (name, count) in [("0", 64), ("1", 24), ("2", 0)] {
        archive.add("archive/data/\(name)", (0..<count).map { UInt8($0) })
    }
    archive.bytes.withUnsafeBytes { bytes in withFile(bytes) { checkCheckpoint($0) } }
}

/// gzip data never unpacks to more than the limit.
func checkGzip(_ input: UnsafeRawBufferPointer) {
    withExactCopy(of: input, 0..<input.count) { bytes in
        guard let unpacked = try? Gzip.inflate(bytes, limit: contentLimit) else { return }
        require(unpacked.count <= contentLimit, "the limit holds")
        if !unpacked.isEmpty {
            let less = try? Gzip.inflate(bytes, limit: unpacked.count - 1)
            require(less == nil, "one byte less is too little")
        }
    }
}

/// A zip archive of stored entries.
private struct StoredArchive {
    private var front: [UInt8] = []
    private var directory: [UInt8] = []
    private var count: UInt16 = 0

    mutating func add(_ name: String, _ data: [UInt8]) {
        let name = Array(name.utf8)
        let sum = data.withUnsafeBytes { crc32(of: $0) }
        var shared: [UInt8] = little(UInt16(20)) + little(UInt64(0)) + little(sum)
        shared +=
            little(UInt32(data.count)) + little(UInt32(data.count)) + little(UInt16(name.count)) + little(UInt16(0))
        directory += [0x50, 0x4B, 1, 2, 20, 0] + shared + [UInt8](repeating: 0, count: 10)
        directory += little(UInt32(front.count)) + name
        front += [0x50, 0x4B, 3, 4] + shared + name + data
        count += 1
    }

    var bytes: [UInt8] {
        var end: [UInt8] = [0x50, 0x4B, 5, 6, 0, 0, 0, 0]
        end += little(count) + little(count) + little(UInt32(directory.count)) + little(UInt32(front.count)) + [0, 0]
        return front + directory + end
    }
}

private func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
