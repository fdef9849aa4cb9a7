import Platform

/// What SQLite's connections share of the log (walformat.html): which log it is, as they all have it. Whatever was done to
/// the file of the log, they go by this.
///
/// Its file is opened once and closed after the database: with any descriptor of a file that is closed, a process loses
/// all its locks on it, SQLite's too.
struct LogIndex: Equatable {
    /// The heads of the file, of which one is always whole.
    private static let headBytes = 48
    /// Before there is a log: the version of the file, the only one so far.
    private static let version: UInt32 = 3_007_000

    /// What all frames of the log have in common.
    let salts: UInt64
    /// How many frames there are.
    let frames: Int

    /// Nil where nothing can be said: there is none, or it is being written.
    init?(descriptor: Int32) {
        var bytes = [UInt8](repeating: 0, count: 2 * Self.headBytes)
        let found = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        guard found == bytes.count, bytes[..<Self.headBytes] == bytes[Self.headBytes...] else { return nil }
        // In the machine's order, but for the salts, which are as in the log.
        (salts, frames) = bytes.withUnsafeBytes { bytes in
            (bytes.longNumber(at: 32), Int(bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)))
        }
        let version = bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
        guard version == Self.version, bytes[12] == 1 else { return nil }
    }
}
