import Formats
import Platform
import Tensors
import VadCLIP

/// A folder of feature files, in which a list's videos are found whatever folders the list names.
public struct FeatureFolder: Sendable {
    /// Where it is.
    public let path: String

    /// A folder; throws where there is none.
    public init(path: String) throws(DatasetError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let error = FileError.fromErrno(errno, "examine", path)
            guard case .noSuchFile = error else { throw DatasetError(error) }
            throw DatasetError(.noInput, "\(path): no such folder")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw DatasetError(.noInput, "\(path) is no folder: expected one of feature files")
        }
        self.path = path
    }

    /// The file of a list's path: the longest end of it that is in this folder; nil where none is.
    ///
    /// `/home/someone/UCFClipFeatures/Abuse/Abuse001_x264__0.npy` is found as `UCFClipFeatures/Abuse/…`, as `Abuse/…` or as
    /// the file's name alone. Ends that begin with `..` are not looked for.
    public func file(_ listed: String) -> String? { (try? look(for: listed)) ?? nil }

    /// Looks for the file of a list's path; throws where the system does not let anyone look, or something else than a file
    /// is there.
    public func look(for listed: String) throws(DatasetError) -> String? {
        var end = Self.tidied(listed)[...]
        var refusal: FileError?
        while !end.isEmpty {
            let found = "\(path)/\(Substring(end))"
            do throws(FileError) { if try Self.isFile(found) { return found } } catch { refusal = refusal ?? error }
            end = end.drop { $0 != ASCII.slash }.dropFirst()
        }
        if let refusal { throw DatasetError(refusal) }
        return nil
    }

    /// What lies here in place of a list's file that is missing: one of that name with another ending.
    public func hint(for listed: String) -> String? {
        let name = VideoName.cut(listed).name
        guard let ending = Self.endings.first(where: { file(name + $0) != nil }) else { return nil }
        let advice =
            ending.ends(with: ".npy") ? "name it so in the list" : "expected .npy files (numpy.save writes them)"
        return "a file of that name that ends in \(ending) is there; \(advice)"
    }

    /// Endings of files that are written in place of .npy files, of videos that they are made of, and of their crops.
    private static let endings = [
        ".npy", "__0.npy", "__5.npy", ".npz", ".npy.gz", ".pt", ".pth", ".safetensors", ".json", ".f32", ".raw", ".bin",
        ".h5", ".mat", ".pkl", ".csv", ".mp4", ".avi", ".mkv", ".mov", ".webm",
    ]

    private static func isSlash(_ byte: UInt8) -> Bool { byte == ASCII.slash || byte == ASCII.backslash }

    /// A path with single slashes between its pieces, from behind the last `..` on.
    private static func tidied(_ path: String) -> String.UTF8View {
        let pieces = path.utf8.split(whereSeparator: isSlash)
        let first = pieces.lastIndex { $0.elementsEqual("..".utf8) }.map { $0 + 1 } ?? 0
        return pieces[first...].map { String(Substring($0)) }.joined(separator: "/").utf8
    }

    /// SHA-256 of names and sizes of files that were found here, in their order. Nothing is read of them, and it is the same
    /// where the folder has moved.
    public func digest(of files: [String]) throws(DatasetError) -> String {
        var digest = SHA256()
        for file in files {
            var status = stat()
            guard stat(file, &status) == 0 else { throw DatasetError(.fromErrno(errno, "examine", file)) }
            let name = file.rest(after: path) ?? file[...]
            Array("\(name)\0\(status.st_size)\0".utf8).withUnsafeBytes { digest.update($0) }
        }
        return digest.hexDigest
    }

    private static func isFile(_ path: String) throws(FileError) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG { return false }
            throw .fromErrno(errno, "examine", path)
        }
        if let found = OpenFile.nameOfIrregular(mode: status.st_mode) {
            throw .notARegularFile(path: path, found: found)
        }
        return true
    }
}

/// A video's features in a file, [T, d].
public enum FeatureFile {
    /// The most values of a file, 1 GiB of float32: 512 wide, 77 hours of video.
    private static let limits = ArrayLimits(maxElements: 256 << 20)

    /// The array of an .npy file.
    public static func array(_ path: String) throws(DatasetError) -> DecodedArray {
        let file = try open(path)
        var decoder = NPYDecoder(limits: limits)
        try file.forEachPiece(failing: { DatasetError($0) }) { piece throws(DatasetError) in
            do throws(ArrayDecodingError) { try decoder.feed(piece) } catch { throw fault(path, error) }
        }
        do throws(ArrayDecodingError) { return try decoder.finish() } catch { throw fault(path, error) }
    }

    private static func open(_ path: String) throws(DatasetError) -> OpenFile {
        do throws(FileError) { return try OpenFile(path: path) } catch { throw DatasetError(error) }
    }

    private static func fault(_ path: String, _ error: ArrayDecodingError) -> DatasetError {
        DatasetError(.badData, "\(path): \(error.description)")
    }

    /// The features of a file, checked as the service checks them, and what looks wrong with them.
    public static func features(
        _ path: String, width: Int
    ) throws(DatasetError) -> (features: Matrix, report: FeatureReport) {
        let array = try array(path)
        do throws(FeatureError) {
            return try FeatureCheck(width: width).accept(
                shape: array.shape, values: array.values, elementType: "\(array.elementType)",
                order: array.order == .columnMajor ? "Fortran" : "C")
        } catch {
            throw DatasetError(.badData, "\(path): \(error.description)")
        }
    }

    /// The shape of a file's array, by its header and the file's length: its numbers are not read.
    public static func shape(_ path: String) throws(DatasetError) -> [Int] {
        let file = try open(path)
        var decoder = NPYDecoder(limits: limits)
        var end = 0
        // Most headers have 128 bytes, and none has more than the decoder takes.
        while decoder.awaited == nil, end < file.count {
            let piece: [UInt8]
            do throws(FileError) { piece = try file.bytes(end..<min(end + (4 << 10), file.count)) } catch {
                throw DatasetError(error)
            }
            do throws(ArrayDecodingError) { try decoder.feed(piece) } catch { throw fault(path, error) }
            end += piece.count
        }
        guard let awaited = decoder.awaited else {
            do throws(ArrayDecodingError) { return try decoder.finish().shape } catch { throw fault(path, error) }
        }
        let bytes = file.count - end
        guard awaited.bytes == bytes else {
            throw DatasetError(
                .badData,
                "\(path): it has \(abs(awaited.bytes - bytes)) bytes \(bytes < awaited.bytes ? "less" : "more") than its shape "
                    + "\(awaited.shape) says")
        }
        return awaited.shape
    }
}
