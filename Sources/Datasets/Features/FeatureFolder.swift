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
        guard stat(path, &status) == 0 else { throw DatasetError(.fromErrno(errno, "examine", path)) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw DatasetError(.noInput, "\(path) is no folder: expected one of feature files")
        }
        self.path = path
    }

    /// The file of a list's path: the longest end of it that is in this folder; nil where none is.
    ///
    /// `/home/someone/UCFClipFeatures/Abuse/Abuse001_x264__0.npy` is found as `UCFClipFeatures/Abuse/…`, as `Abuse/…` or as
    /// the file's name alone. Ends that begin with `..` are not looked for.
    public func file(_ listed: String) -> String? {
        var pieces = listed.utf8.split { $0 == ASCII.slash || $0 == ASCII.backslash }.map(Substring.init)[...]
        if let up = pieces.lastIndex(of: "..") { pieces = pieces[(up + 1)...] }
        while !pieces.isEmpty {
            let path = path + "/" + pieces.joined(separator: "/")
            if Self.isFile(path) { return path }
            pieces.removeFirst()
        }
        return nil
    }

    /// The file of each row; throws at those that are not there, naming the first and how many there are.
    public func files(of list: VideoList) throws(DatasetError) -> [String] {
        var files: [String] = []
        var missing: [VideoList.Row] = []
        files.reserveCapacity(list.rows.count)
        for row in list.rows {
            if let file = file(row.path) { files.append(file) } else { missing.append(row) }
        }
        if let first = missing.first {
            throw DatasetError(
                .noInput,
                "\(missing.count) of the \(list.rows.count) feature files of \(list.path) are not in \(path); the first is "
                    + "line \(first.line)'s, \(quoted(first.path, limit: 200))")
        }
        return files
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

    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}

/// A video's features in a file, [T, d].
public enum FeatureFile {
    /// The most values of a file, 1 GiB of float32: 512 wide, 77 hours of video.
    private static let limits = ArrayLimits(maxElements: 256 << 20)

    /// The array of an .npy file.
    public static func array(_ path: String) throws(DatasetError) -> DecodedArray {
        let file: OpenFile
        do throws(FileError) { file = try OpenFile(path: path) } catch { throw DatasetError(error) }
        var decoder = NPYDecoder(limits: limits)
        try file.forEachPiece(failing: { DatasetError($0) }) { piece throws(DatasetError) in
            do throws(ArrayDecodingError) { try decoder.feed(piece) } catch {
                throw DatasetError(.badData, "\(path): \(error.description)")
            }
        }
        do throws(ArrayDecodingError) { return try decoder.finish() } catch {
            throw DatasetError(.badData, "\(path): \(error.description)")
        }
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

    /// The shape of a file's array, by its header alone; nil where it has none that can be read.
    public static func shape(_ path: String) throws(DatasetError) -> [Int]? {
        do throws(FileError) {
            let file = try OpenFile(path: path)
            return NPYOutline(front: try file.prefix(4 << 10))?.shape
        } catch {
            throw DatasetError(error)
        }
    }
}
