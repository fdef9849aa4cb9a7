public import Formats
public import Platform

/// Feature files on disk, for commands that have no server: read as the files of an upload are, and besides unpacked from
/// gzip and taken from `torch.save`.
public enum UploadFile {
    /// What a file holds; throws `ArrayDecodingError` or `CheckpointError`.
    ///
    /// - Parameters:
    ///   - file: the upload
    ///   - isRows: the file is float32 rows, whatever it begins with or is called
    ///   - width: numbers a row of such a file
    ///   - limits: what may be asked of memory
    public static func read(
        _ file: MappedFile, isRows: Bool, width: Int, limits: ArrayLimits
    ) async throws -> Upload {
        let kind = FileKind.detect(file)
        if isRows { return try rows(file, kind, width: width, limits: limits) }
        // What is called by another format's name is told so by that one's reader.
        if let array = try UploadFormat.named(file.path) == nil ? array(in: file, kind, limits: limits) : nil {
            return Upload(matrices: [NamedMatrix(array: array)])
        }
        if kind == .torchZip {
            if TorchFeatures.isTorch(file) {
                guard let array = try TorchFeatures.array(in: file, limits: limits) else {
                    throw UploadDecoder.checkpoint
                }
                return Upload(matrices: [NamedMatrix(array: array)])
            }
            // Archives are held while they are unpacked.
            guard file.count <= limits.maxBytes else {
                throw ArrayDecodingError(
                    .tooLarge, "the zip archive has \(file.count) bytes; the limit is \(limits.maxBytes)")
            }
        }
        let isPacked = kind == .gzip && !UploadFormat.hasEnding(".npz", file.path)
        let path = isPacked && UploadFormat.hasEnding(".gz", file.path) ? String(file.path.dropLast(3)) : file.path
        var decoder = UploadDecoder(format: UploadFormat.named(path) ?? .file, width: width, limits: limits)
        if isPacked {
            try unpack(file, limits: limits, into: &decoder)
        } else {
            try file.withUnsafeBytes { bytes throws(ArrayDecodingError) in try decoder.feed(bytes) }
        }
        var matrices = UploadMatrices(limits: limits, way: .commandLine)
        try await matrices.add(try decoder.finish(), as: .body, notes: [], nil)
        return try matrices.upload()
    }

    /// The array of a file in a format that is read where there is no server; nil of another.
    private static func array(
        in file: MappedFile, _ kind: FileKind, limits: ArrayLimits
    ) throws(ArrayDecodingError) -> DecodedArray? {
        switch kind {
        case .foreign(.matlab): try MatFile.array(in: file, limits: limits)
        case .foreign(.table): try Formats.decode(file, with: TableDecoder(limits: limits))
        default: nil
        }
    }

    /// Whether a file is called as features are, packed or not.
    public static func isNamed(_ path: String) -> Bool {
        let isPacked = UploadFormat.hasEnding(".gz", path)
        return UploadFormat.named(isPacked ? String(path.dropLast(3)) : path) != nil
            || [".pt", ".pth", ".mat", ".csv", ".tsv"].contains { UploadFormat.hasEnding($0, path) }
    }

    /// Whether nothing that follows such a beginning makes it features.
    ///
    /// - Parameters:
    ///   - front: at least `FileKind.frontBytes` bytes, or all
    ///   - path: what the file is called
    public static func isForeign(front: UnsafeRawBufferPointer, path: String) -> Bool {
        let kind = FileKind.detect(front)
        switch kind {
        case .foreign(.matlab), .foreign(.table): return UploadFormat.named(path) != nil
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
    ) throws(ArrayDecodingError) -> Upload {
        let array = try Formats.decode(file, with: RawFloatDecoder(width: width, limits: limits))
        let notes =
            kind == .unknown ? [] : ["the file begins as \(kind.name) and was read as float32 rows, as was asked for"]
        return Upload(matrices: [NamedMatrix(array: array, notes: notes)])
    }

    private static func unpack(
        _ file: MappedFile, limits: ArrayLimits, into decoder: inout UploadDecoder
    ) throws(ArrayDecodingError) {
        func unreadable(_ error: GzipError) -> ArrayDecodingError {
            ArrayDecodingError(.malformed, error.description)
        }
        // The numbers of float64 and of JSON are longer than those that the limit counts.
        let limit = 3 * limits.maxBytes
        try file.withUnsafeBytes { bytes throws(ArrayDecodingError) in
            try Gzip.forEachPiece(of: bytes, limit: limit, wrap: unreadable) { piece throws(ArrayDecodingError) in
                try decoder.feed(piece)
            }
        }
    }
}
