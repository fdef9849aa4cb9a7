import Formats
import Foundation
import Platform
import Service
import VadCLIP

/// Reads feature files for the commands that have no server.
enum FeatureReader {
    /// The most values that a file may hold, 1 GiB of float32: 512 wide, 77 hours of video.
    private static let limits = ArrayLimits(maxElements: 256 << 20)

    /// A matrix that a file holds.
    struct Matrix {
        /// The file's path, with the matrix's name behind it where there are several.
        let label: String
        let array: DecodedArray
        /// What is to be said of the file.
        let notes: [String]
    }

    /// The matrices in the file at `path`, in any of the upload formats.
    ///
    /// - Parameter isRows: it is float32 rows, whatever it begins with or is called
    static func matrices(at path: String, isRows: Bool, width: Int) async throws -> [Matrix] {
        let file: MappedFile
        do { file = try MappedFile(path: path) } catch {
            if case .notARegularFile(_, "a directory") = error { throw folder(path) }
            throw error
        }
        do {
            if let tensors = try? SafetensorsFile(file: file), ModelFile.isModel(tensors) {
                throw Failure(.badData, "\(path) is a model file of Vigil and no features: name it by --model")
            }
            return try await UploadFile.matrices(in: file, isRows: isRows, width: width, limits: limits).map { matrix in
                Matrix(
                    label: matrix.name.map { "\(path)/\($0)" } ?? path, array: matrix.array, notes: matrix.notes)
            }
        } catch let error as ArrayDecodingError {
            throw Failure(.badData, "\(path): \(error.description)")
        } catch let error as CheckpointError {
            let text = error.description
            throw Failure(.badData, text.hasPrefix(path) ? text : "\(path): \(text)")
        }
    }

    /// What to do with a folder that was named in place of files.
    private static func folder(_ path: String) -> Failure {
        let folder = path.hasSuffix("/") ? String(path.dropLast()) : path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let first = names.filter { !$0.hasPrefix(".") }.min()
        return Failure(
            .noInput,
            "\(path) is a folder: name the files in it, such as \(folder)/*"
                + (first.map { "; the first is \(folder)/\($0)" } ?? ""))
    }
}
