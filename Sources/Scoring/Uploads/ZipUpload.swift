import Formats
import Platform

/// A zip archive on its way: it is kept until its directory has come, which stands at its end.
struct ZipUpload {
    private var bytes: [UInt8] = []
    private var isKnownNoCheckpoint = false

    /// How many bytes are said to come; memory is taken as they come, and not beyond it while that is true.
    private let expectedBytes: Int?

    /// - Parameter expectedBytes: how many will come, where that is known
    init(expectedBytes: Int?) { self.expectedBytes = expectedBytes }

    /// Bytes of the archive so far.
    var heldBytes: Int { bytes.count }

    /// Takes the next bytes in. A checkpoint is refused at its front, before hundreds of megabytes have come.
    mutating func feed(_ piece: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        if let expectedBytes, bytes.count + piece.count > bytes.capacity {
            bytes.reserveCapacity(max(bytes.count + piece.count, min(expectedBytes, 2 * bytes.capacity)))
        }
        bytes.append(contentsOf: piece)
        guard !isKnownNoCheckpoint, let name = ZipBody.firstName(in: bytes) else { return }
        if Self.isPickle(name) { throw UploadDecoder.checkpoint }
        isKnownNoCheckpoint = true
    }

    /// The archive, once all of it has come; `width` is that of a row.
    consuming func open(width: Int, limits: ArrayLimits) throws(ArrayDecodingError) -> ZipMatrices {
        let archive: ZipBody
        do throws(ZipError) {
            // Folders and what systems leave behind are no matrices, and there may be as many of them.
            archive = try ZipBody(bytes, limits: ZipLimits(maxEntries: 10 * limits.maxMatrices))
        } catch {
            if case .tooLarge = error { throw ArrayDecodingError(.tooMany, error.description) }
            throw ArrayDecodingError(error)
        }
        if archive.entries.contains(where: { Self.isPickle($0.name) }) { throw UploadDecoder.checkpoint }
        return try ZipMatrices(archive, width: width, limits: limits)
    }

    /// Whether this is the file in a top folder that PyTorch writes a checkpoint's structure to.
    private static func isPickle(_ name: String) -> Bool {
        let parts = name.pieces(between: ASCII.slash)
        return parts.count == 2 && parts[1] == "data.pkl"
    }
}

extension ArrayDecodingError {
    /// A fault of a zip archive, or of an entry that it names.
    init(_ error: ZipError) {
        let kind: Kind =
            switch error {
            case .notAnArchive, .damaged: .malformed
            case .unsupported: .unsupported
            case .tooLarge: .tooLarge
            }
        self.init(kind, error.description)
    }
}
