import Formats
import Service
import VadCLIP

/// Reads feature files for the commands that have no server.
enum FeatureReader {
    /// The most values that a file may hold, 1 GiB of float32: 512 wide, 77 hours of video.
    private static let limits = ArrayLimits(maxElements: 256 << 20)

    /// The array in the file at `path`, in any of the upload formats.
    static func array(at path: String, width: Int) throws -> DecodedArray {
        let file = try MappedFile(path: path)
        do {
            return try UploadFile.decode(file, width: width, limits: limits)
        } catch {
            throw Failure(.badData, "\(path): \(error.description)")
        }
    }
}
