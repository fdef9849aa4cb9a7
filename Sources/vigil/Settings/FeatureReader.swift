import Formats
import Service
import VadCLIP

/// Reads feature files for the commands that have no server.
enum FeatureReader {
    /// The most values that a file may hold: 512 wide, 1,000 hours of video.
    private static let limits = ArrayLimits(maxElements: 8 << 30)

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
