import Zlib

/// Builds zip archives, honest ones and others.
struct TestZip {
    struct Entry {
        var name: String
        var data: [UInt8]
        var method: UInt16 = 0
        var flags: UInt16 = 0
        var crc: UInt32?
        var size: UInt32?
        var compressedSize: UInt32?
        var localSize: UInt32?
        var localName: String?
        var offset: UInt32?
        var centralExtra: [UInt8] = []
    }

    var entries: [Entry]
    var count: UInt16?
    var disk: UInt16 = 0
    var directoryOffset: UInt32?
    var beforeEnd: [UInt8] = []

    init(_ entries: [Entry]) { self.entries = entries }

    /// An archive with a checkpoint's pickle and storages.
    init(pickle: [UInt8], storages: [String: [UInt8]] = [:]) {
        self.init(
            [Entry(name: "archive/data.pkl", data: pickle)]
                + storages.sorted { $0.key < $1.key }.map { Entry(name: "archive/data/\($0.key)", data: $0.value) })
    }

    var bytes: [UInt8] {
        var result: [UInt8] = []
        var directory: [UInt8] = []
        for entry in entries {
            let offset = entry.offset ?? UInt32(result.count)
            let crc = entry.crc ?? entry.data.withUnsafeBytes { crc32(of: $0) }
            let size = entry.size ?? UInt32(entry.data.count)
            let compressed = entry.compressedSize ?? UInt32(entry.data.count)
            let localName = Array((entry.localName ?? entry.name).utf8)
            result += [0x50, 0x4B, 3, 4, 20, 0]
            for value in [entry.flags, entry.method, 0, 0] { result.append(littleEndian: value) }
            for value in [crc, entry.localSize ?? compressed, entry.localSize ?? size] {
                result.append(littleEndian: value)
            }
            for value in [UInt16(localName.count), 0] { result.append(littleEndian: value) }
            result += localName + entry.data

            directory += [0x50, 0x4B, 1, 2, 20, 0, 20, 0]
            for value in [entry.flags, entry.method, 0, 0] { directory.append(littleEndian: value) }
            for value in [crc, compressed, size] { directory.append(littleEndian: value) }
            for value in [UInt16(entry.name.utf8.count), UInt16(entry.centralExtra.count), 0, 0, 0] {
                directory.append(littleEndian: value)
            }
            directory.append(littleEndian: UInt32(0))
            directory.append(littleEndian: offset)
            directory += Array(entry.name.utf8) + entry.centralExtra
        }
        let start = directoryOffset ?? UInt32(result.count)
        result += directory + beforeEnd + [0x50, 0x4B, 5, 6]
        let total = count ?? UInt16(entries.count)
        for value in [disk, disk, total, total] { result.append(littleEndian: value) }
        result.append(littleEndian: UInt32(directory.count))
        result.append(littleEndian: start)
        result.append(littleEndian: UInt16(0))
        return result
    }
}
