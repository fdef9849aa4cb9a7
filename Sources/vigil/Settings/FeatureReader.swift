import Formats
import Foundation
import Frames
import Platform
import Scoring
import VadCLIP

/// Reads feature files for the commands that have no server.
enum FeatureReader {
    /// The most values that a file may hold, 1 GiB of float32: 512 wide, 77 hours of video.
    private static let limits = ArrayLimits(maxElements: 256 << 20)

    /// What stands for standard input among files.
    static let standardInput = "-"

    /// A matrix that a file holds.
    struct Found {
        /// The file's path, with the matrix's name behind it where there are several.
        let label: String
        let matrix: NamedMatrix
        /// What stands beside the features in JSON.
        let parameters: [Parameter]
    }

    /// Throws where a command can't have these files together.
    static func check(_ files: [String], of command: String) throws(Failure) {
        guard !files.isEmpty else {
            throw Failure(
                .usage,
                "no file is named: expected feature files, or - for standard input (vigil help \(command) shows the "
                    + "options)")
        }
        guard files.count(where: { $0 == standardInput }) > 1 else { return }
        throw Failure(.usage, "- is named more than once: standard input is read once")
    }

    /// The file at `path`; what comes through a pipe, or is standard input, is read to its end, or as far as it takes to see
    /// that it is no file of features: it may have no end.
    ///
    /// - Parameters:
    ///   - isRows: it is float32 rows, whatever it begins with
    ///   - widths: those that are taken, of which messages name the first
    static func open(_ path: String, isRows: Bool, widths: [Int]) throws -> MappedFile {
        try open(path, isRows: isRows, widths: widths) { _ in false }.file
    }

    /// What was opened.
    struct Opened {
        let file: MappedFile
        /// All of what comes through a pipe and is not held, of which `file` is the beginning; nil where `file` is all.
        let stream: ByteSource?
    }

    /// The same of what may be so long that it is not to be held, as `isStreamed` tells by its beginning.
    static func open(
        _ path: String, isRows: Bool, widths: [Int], isStreamed: (UnsafeRawBufferPointer) -> Bool
    ) throws -> Opened {
        var isBegun = false
        var isAsked = false
        var fault: (any Error)?
        func isEnough(_ front: UnsafeRawBufferPointer) -> Bool {
            guard !isRows else { return false }
            if !isAsked {
                isAsked = true
                isBegun = isStreamed(front)
                if isBegun || UploadFile.isForeign(front: front, path: path) { return true }
            }
            do { try UploadFile.check(table: front, widths: widths) } catch { fault = error }
            return fault != nil
        }
        func held(_ descriptor: Int32) throws -> MappedFile {
            let file = try MappedFile(readingFrom: descriptor, path: path, limit: limits.maxBytes, until: isEnough)
            if let fault { throw Failure(.badData, "\(path): \(fault)") }
            return file
        }
        if path == standardInput {
            guard isatty(STDIN_FILENO) == 0 else {
                throw Failure(.usage, "-: standard input is a terminal: expected a file or a pipe there")
            }
            let file = try held(STDIN_FILENO)
            return Opened(
                file: file, stream: isBegun ? ByteSource(file, then: STDIN_FILENO, isClosed: false) : nil)
        }
        // Opened once and no more: a pipe's writer is gone then.
        if isPipe(path) {
            let descriptor = try openPipe(path)
            var isKept = false
            defer { if !isKept { close(descriptor) } }
            let file = try held(descriptor)
            isKept = isBegun
            return Opened(file: file, stream: isBegun ? ByteSource(file, then: descriptor, isClosed: true) : nil)
        }
        do { return Opened(file: try MappedFile(path: path), stream: nil) } catch {
            if case .notARegularFile(_, "a directory") = error { throw folder(path) }
            throw error
        }
    }

    /// The matrices in a file, in any of the upload formats.
    ///
    /// - Parameter isRows: it is float32 rows, whatever it begins with or is called
    static func matrices(in file: MappedFile, isRows: Bool, width: Int) async throws -> [Found] {
        let path = file.path
        do {
            if let tensors = try? SafetensorsFile(file: file), ModelFile.isModel(tensors) {
                throw Failure(.badData, "\(path) is a model file of Vigil and no features: name it by --model")
            }
            if !isRows, RecipeFile.isOne(file) { throw recipe(path) }
            if !isRows, let refusal = NamedVideo.refusal(of: path, file) {
                throw Failure(.badData, "\(path): \(refusal)")
            }
            let upload = try await UploadFile.read(file, isRows: isRows, width: width, limits: limits)
            return upload.matrices.map { matrix in
                Found(
                    label: upload.isBatch ? matrix.name.map { "\(path)/\($0)" } ?? path : path, matrix: matrix,
                    parameters: upload.parameters)
            }
        } catch let error as ArrayDecodingError {
            throw Failure(.badData, "\(path): \(error.description)")
        } catch let error as CheckpointError {
            let text = error.description
            throw Failure(.badData, text.hasPrefix(path) ? text : "\(path): \(text)")
        }
    }

    /// How long a pipe may have nobody who writes to it: opening one waits for ever.
    private static let patience: Int32 = 10

    /// A pipe that somebody has begun to write to, or has ended.
    private static func openPipe(_ path: String) throws(FileError) -> Int32 {
        let descriptor = Platform.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .notReadable(path: path, reason: errnoText(errno)) }
        var awaited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        var found: Int32 = -1
        repeat { found = poll(&awaited, 1, Self.patience * 1_000) } while found < 0 && errno == EINTR
        guard found > 0, fcntl(descriptor, F_SETFL, 0) == 0 else {
            close(descriptor)
            throw .notReadable(
                path: path, reason: "nobody has written to this pipe for \(Self.patience) seconds")
        }
        return descriptor
    }

    private static func isPipe(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
    }

    /// What a file of `vigil extract` is that was named with the features beside it.
    private static func recipe(_ path: String) -> Failure {
        let isNamed = path.ends(with: ".json")
        let features = isNamed ? String(path.dropLast(5)) + ".npy" : "the .npy"
        return Failure(
            .badData,
            "\(path) tells how \(features) beside it was made by vigil extract, and holds no features: name the .npy files alone"
        )
    }

    /// What to do with a folder that was named in place of files.
    private static func folder(_ path: String) -> Failure {
        let folder = path.hasSuffix("/") ? String(path.dropLast()) : path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        if names.contains(where: { FolderFrames.isMap($0) }) {
            return Failure(
                .noInput,
                "\(path) is a folder of frames: vigil extract \(path) makes features of it, by a model that was imported with "
                    + "--keep-image-tower; vigil inspect shows one file of it at a time")
        }
        let first = names.filter { !$0.hasPrefix(".") }.min()
        guard let first else { return Failure(.noInput, "\(path) is a folder with no file in it") }
        return Failure(
            .noInput,
            "\(path) is a folder: name the files in it, such as \(folder)/*; the first is \(folder)/\(first)")
    }
}
