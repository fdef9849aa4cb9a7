import Formats
import Platform

/// Feature files on disk, for commands that have no server: read as the files of an upload are, and besides unpacked from
/// gzip and taken from `torch.save`.
public enum UploadFile {
    /// A matrix of a file.
    public struct Matrix: Sendable {
        /// Its name in a file of several; nil where it is the only one.
        public let name: String?
        /// The matrix, of any shape.
        public let array: DecodedArray
        /// What was found about its file that whoever made it should know.
        public let notes: [String]
        /// What stands beside it in a JSON file that has nothing else: parameters, which nobody has looked at.
        public let parameters: [Parameter]
    }

    /// The matrices in a file, at least one; throws `ArrayDecodingError` or `CheckpointError`.
    ///
    /// - Parameters:
    ///   - isRows: the file is float32 rows, whatever it begins with or is called
    ///   - width: numbers a row of such a file
    public static func matrices(
        in file: MappedFile, isRows: Bool, width: Int, limits: ArrayLimits
    ) async throws -> [Matrix] {
        let kind = FileKind.detect(file)
        if isRows { return [try rows(file, kind, width: width, limits: limits)] }
        if kind == .torchZip {
            if TorchFeatures.isTorch(file) {
                guard let array = try TorchFeatures.array(in: file, limits: limits) else {
                    throw UploadDecoder.checkpoint
                }
                return [Matrix(name: nil, array: array, notes: [], parameters: [])]
            }
            // Archives are held while they are unpacked.
            guard file.count <= limits.maxBytes else {
                throw ArrayDecodingError(
                    .tooLarge, "the zip archive has \(file.count) bytes; the limit is \(limits.maxBytes)")
            }
        }
        let isPacked = kind == .gzip && !UploadFormat.hasEnding(".npz", file.path)
        let path = isPacked && UploadFormat.hasEnding(".gz", file.path) ? String(file.path.dropLast(3)) : file.path
        var content = ContentDecoder(
            .body, format: UploadFormat.named(path) ?? .file, width: width, limits: limits, expectedBytes: nil)
        if isPacked {
            try unpack(file, limits: limits, into: &content)
        } else {
            try file.withUnsafeBytes { bytes throws(ArrayDecodingError) in try content.feed(bytes) }
        }
        var matrices = UploadMatrices(limits: limits, way: .commandLine)
        try await content.finish(into: &matrices, nil)
        let upload = try matrices.upload()
        return upload.matrices.map {
            Matrix(
                name: upload.isBatch ? $0.name : nil, array: $0.array, notes: $0.notes, parameters: upload.parameters)
        }
    }

    /// Whether nothing that follows such a beginning makes it features.
    ///
    /// - Parameters:
    ///   - front: at least ``FileKind/frontBytes`` bytes, or all
    ///   - path: what the file is called
    public static func isForeign(front: UnsafeRawBufferPointer, path: String) -> Bool {
        let kind = FileKind.detect(front)
        switch kind {
        case .foreign, .html, .gitLFSPointer, .unknown:
            do throws(ArrayDecodingError) {
                _ = try (UploadFormat.named(path) ?? .file).contents(of: kind)
                return false
            } catch { return true }
        default: return false
        }
    }

    private static func rows(
        _ file: MappedFile, _ kind: FileKind, width: Int, limits: ArrayLimits
    ) throws(ArrayDecodingError) -> Matrix {
        let array = try Formats.decode(file, with: RawFloatDecoder(width: width, limits: limits))
        let notes =
            kind == .unknown ? [] : ["the file begins as \(kind.name) and was read as float32 rows, as was asked for"]
        return Matrix(name: nil, array: array, notes: notes, parameters: [])
    }

    private static func unpack(
        _ file: MappedFile, limits: ArrayLimits, into content: inout ContentDecoder
    ) throws(ArrayDecodingError) {
        func unreadable(_ error: GzipError) -> ArrayDecodingError {
            ArrayDecodingError(.malformed, error.description)
        }
        // The numbers of float64 and of JSON are longer than those that the limit counts.
        let limit = 3 * limits.maxBytes
        try file.withUnsafeBytes { bytes throws(ArrayDecodingError) in
            try Gzip.forEachPiece(of: bytes, limit: limit, wrap: unreadable) { piece throws(ArrayDecodingError) in
                try content.feed(piece)
            }
        }
    }
}
