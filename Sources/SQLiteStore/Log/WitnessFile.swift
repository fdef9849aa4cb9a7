import Platform

/// The file of the last two records, which are written in turns, so that one of them is always whole.
///
/// It is not flushed at each commit: it outlasts the process, and where the machine goes down the database may be ahead.
struct WitnessFile: Sendable {
    private static let places = [0, 512]
    private static let bytes = 1_024

    /// What an earlier process has left.
    enum Found: Sendable, Equatable {
        case nothing
        case damaged(reason: String)
        /// - Parameter isPartial: whether the other record was changed
        case record(WitnessRecord, isPartial: Bool)
    }

    private let descriptor: Int32
    let path: String

    /// What is in the file; throws where it is there and can't be opened or read.
    static func read(
        _ path: String, reading: @escaping OpenFile.Read = OpenFile.systemRead
    ) throws(StateError) -> Found {
        let found: [UInt8]
        do throws(FileError) { found = try OpenFile(path: path, read: reading).prefix(Self.bytes + 1) } catch {
            if case .noSuchFile = error { return .nothing }
            throw StateError(reading: path, error)
        }
        return found.withUnsafeBytes { bytes in
            let records =
                bytes.count == Self.bytes
                ? places.compactMap { WitnessRecord(bytes.part($0..<$0 + WitnessRecord.bytes)) } : []
            guard let last = records.max(by: { $0.number < $1.number }) else {
                return .damaged(reason: "neither of its records is one")
            }
            return .record(last, isPartial: records.count < places.count)
        }
    }

    /// Opens the file, or makes it with a record of a database that was never whole.
    init(path: String, from found: Found) throws(StateError) {
        self.path = path
        if case .nothing = found {
            do throws(FileError) {
                var file = try AtomicFile(path: path)
                var bytes = [UInt8](repeating: 0, count: Self.bytes)
                for place in Self.places {
                    bytes.replaceSubrange(place..<place + WitnessRecord.bytes, with: WitnessRecord().encoded)
                }
                try file.write(bytes)
                try file.commit()
            } catch { throw .unusable(path: path, reason: error.description) }
        }
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unusable(path: path, reason: String(cString: strerror(errno))) }
    }

    /// Writes a record into the older one's place; says why that failed.
    func write(_ record: WitnessRecord) -> Int32? {
        let bytes = record.encoded
        let place = Self.places[Int(record.number & 1)]
        return pwrite(descriptor, bytes, bytes.count, off_t(place)) == bytes.count ? nil : errno
    }

    /// Whether the file has this record where it was written.
    func has(_ record: WitnessRecord) -> Bool {
        let bytes = [UInt8](unsafeUninitializedCapacity: WitnessRecord.bytes) { buffer, found in
            let place = off_t(Self.places[Int(record.number & 1)])
            found = max(pread(descriptor, buffer.baseAddress, WitnessRecord.bytes, place), 0)
        }
        return bytes == record.encoded
    }

    /// Says whether it is on the disk.
    @discardableResult
    func flush() -> Bool { fdatasync(descriptor) == 0 }

    func close() { closeDescriptor(descriptor) }
}
