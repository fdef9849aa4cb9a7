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
            // Folders, what systems leave behind and what numpy saves beside them are no matrices, and there may be many of them.
            archive = try ZipBody(bytes, limits: ZipLimits(maxEntries: max(10 * limits.maxMatrices, 10_000)))
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

/// The matrices of a zip archive: each file in it is one.
struct ZipMatrices {
    /// A file of the archive.
    struct File {
        /// The path in the archive without the ending.
        let name: String
        fileprivate let entry: ZipEntry
        fileprivate let format: UploadFormat

        /// The path in the archive.
        var path: String { entry.name }
    }

    /// The files in the directory's order, at least one.
    let files: [File]
    /// The names of numpy's arrays that are no features.
    let passedOver: [String]
    private let archive: ZipBody
    private let width: Int
    private let limits: ArrayLimits

    /// What an archive may unpack to, as a multiple of its size, beyond so many bytes: as bodies in gzip.
    private static let maxRatio = 200
    private static let freeBytes = 1 << 20

    /// Looks at the directory, and at the beginnings of numpy's arrays: nothing else is unpacked yet.
    init(_ archive: ZipBody, width: Int, limits: ArrayLimits) throws(ArrayDecodingError) {
        self.archive = archive
        self.width = width
        self.limits = limits
        var files: [File] = []
        var bytes = 0
        for entry in archive.entries where !Self.isPassedOver(entry.name) {
            try Self.check(entry.name)
            // What an entry claims is held to while it is unpacked, so that this bounds what comes of all of them.
            guard entry.size <= limits.maxBytes - bytes else {
                throw ArrayDecodingError(
                    .tooLarge,
                    "with the entry \(quoted(entry.name)) the zip archive unpacks to more than the limit of "
                        + "\(limits.maxBytes) bytes")
            }
            bytes += entry.size
            files.append(
                File(name: MatrixName.withoutEnding(entry.name), entry: entry, format: Self.format(of: entry.name)))
        }
        guard bytes <= Self.freeBytes || bytes / Self.maxRatio <= archive.count else {
            throw ArrayDecodingError(
                .excessive,
                "the zip archive of \(archive.count) bytes unpacks to more than \(Self.maxRatio) times its size")
        }
        guard files.count <= limits.maxMatrices else {
            throw ArrayDecodingError(
                .tooMany, "the zip archive has \(files.count) files; an upload may have \(limits.maxMatrices) matrices"
            )
        }
        guard !files.isEmpty else {
            throw ArrayDecodingError(.malformed, "the zip archive has no files: expected feature matrices")
        }
        try Self.refuseSharedNames(files)
        let isKept = try Self.choice(from: files, of: archive, width: width)
        self.files = files.filter(isKept)
        passedOver = files.filter { !isKept($0) }.map(\.name)
    }

    /// Which of the arrays of numpy's .npz are features: `features` where nothing else could be a video, else the only
    /// matrix, else all but single numbers: a list among several matrices is a mistake that is to be told, and so is a row
    /// in place of one. All files of another archive are meant.
    private static func choice(
        from files: [File], of archive: ZipBody, width: Int
    ) throws(ArrayDecodingError) -> (File) -> Bool {
        guard files.count > 1, files.allSatisfy({ UploadFormat.hasEnding(".npy", $0.path) && !$0.path.contains("/") })
        else { return { _ in true } }
        let shapes = Dictionary(
            files.map { ($0.path, archive.front(of: $0.entry).flatMap({ NPYOutline(front: $0) })?.shape) },
            uniquingKeysWith: { first, _ in first })
        func isVideo(_ file: File) -> Bool {
            guard let shape = shapes[file.path] ?? nil else { return true }
            return shape.count == 2 && shape[1] == width
        }
        if files.contains(where: { $0.name == "features" }),
            !files.contains(where: { $0.name != "features" && isVideo($0) })
        {
            return { $0.name == "features" }
        }
        var numbers: Set<String> = []
        var lists: Set<String> = []
        for file in files {
            guard let shape = shapes[file.path] ?? nil else { continue }
            if shape.isEmpty { numbers.insert(file.path) }
            if shape.count == 1, shape != [width] { lists.insert(file.path) }
        }
        let matrices = files.count - numbers.count - lists.count
        guard matrices > 0 else {
            throw ArrayDecodingError(
                .missing,
                "the archive has no array 'features' and no matrix; it has \(PassedOver.list(files.map(\.name)))")
        }
        let others = matrices == 1 ? numbers.union(lists) : numbers
        return { !others.contains($0.path) }
    }

    /// Bytes of the archive itself.
    var heldBytes: Int { archive.count }

    /// Unpacks and decodes a file piece by piece, and tells how many bytes of numbers it holds meanwhile.
    func decode(_ file: File, holding: (Int) throws -> Void) throws -> FileContent {
        var decoder = UploadDecoder(format: file.format, width: width, limits: limits, place: .entry)
        var isFront = true
        try archive.forEachPiece(of: file.entry, wrap: { ArrayDecodingError($0) as any Error }) { piece in
            if isFront, FileKind.marked(piece) == .torchZip {
                throw ArrayDecodingError(
                    .unsupported, "the entry is a zip archive or a checkpoint itself: expected a matrix")
            }
            isFront = false
            try decoder.feed(piece)
            try holding(decoder.heldBytes)
        }
        return try decoder.finish()
    }

    /// Folders, and what macOS puts beside files.
    private static func isPassedOver(_ name: String) -> Bool {
        // By bytes: to Swift a slash with a mark above it is another character.
        let parts = name.utf8.split(separator: UInt8(ascii: "/"))
        return name.utf8.last == UInt8(ascii: "/") || parts.first?.elementsEqual("__MACOSX".utf8) == true
            || parts.last?.elementsEqual(".DS_Store".utf8) == true
    }

    /// Names are never used as paths here. They go back to the client, who may.
    private static func check(_ name: String) throws(ArrayDecodingError) {
        // By bytes: to Swift a slash with a mark above it is another character.
        let separators = [UInt8(ascii: "/"), UInt8(ascii: "\\")]
        let parts = name.utf8.split(omittingEmptySubsequences: false, whereSeparator: separators.contains)
            .map { String(decoding: Array($0), as: UTF8.self) }
        let front = Array(name.utf8.prefix(2))
        let isDrive = front.count == 2 && front[1] == UInt8(ascii: ":") && (0x61...0x7A).contains(front[0] | 0x20)
        let isPlain = !name.unicodeScalars.contains { $0.properties.generalCategory == .control }
        guard isPlain, !isDrive, !parts.contains(""), !parts.contains("."), !parts.contains("..") else {
            throw ArrayDecodingError(
                .unsupported,
                "the entry \(quoted(name)) has a name that leads out of the archive or is no plain path")
        }
        guard name.utf8.count <= 1_024 else {
            throw ArrayDecodingError(
                .unsupported, "the entry \(quoted(name)) has a name of \(name.utf8.count) bytes; the limit is 1024")
        }
    }

    private static func refuseSharedNames(_ files: [File]) throws(ArrayDecodingError) {
        var paths: [ByteText: String] = [:]
        for file in files {
            if let other = paths.updateValue(file.path, forKey: ByteText(file.name)) {
                throw ArrayDecodingError(
                    .malformed,
                    "the entries \(quoted(other)) and \(quoted(file.path)) would both be called \(quoted(file.name))")
            }
        }
    }

    private static func format(of name: String) -> UploadFormat {
        if let format = UploadFormat.named(name), format != .zip { return format }
        return .recognised
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
