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
        case damaged
        /// - Parameter isPartial: whether the other record was changed
        case record(WitnessRecord, isPartial: Bool)
    }

    private let descriptor: Int32
    let path: String

    static func read(_ path: String) -> Found {
        guard let file = try? MappedFile(path: path) else { return access(path, F_OK) == 0 ? .damaged : .nothing }
        return file.withUnsafeBytes { bytes in
            guard bytes.count == Self.bytes else { return .damaged }
            let records = places.compactMap { WitnessRecord(bytes.part($0..<$0 + WitnessRecord.bytes)) }
            guard let last = records.max(by: { $0.number < $1.number }) else { return .damaged }
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

    /// Says whether it is on the disk.
    @discardableResult
    func flush() -> Bool { fdatasync(descriptor) == 0 }

    func close() { closeDescriptor(descriptor) }
}
