import API
import Formats
import Frames
import Platform
import VadCLIP
import Video

/// Pictures of what stands out in videos, written to a folder: `NAME-START.jpg` for each segment, where START is the snippet
/// that it begins at.
struct SegmentPictures {
    /// Segments of a video that get one: those of the highest scores.
    static let most = 32

    private let folder: String
    private let ffmpeg: FFmpeg

    /// Looks at the folder, and makes it.
    ///
    /// - Parameter files: all that is named; pictures are made of those that are videos
    init(_ folder: String, of files: [String], by ffmpeg: FFmpeg) throws {
        (self.folder, self.ffmpeg) = (folder, ffmpeg)
        var owners: [ByteText: String] = [:]
        for file in files where VideoOptions.isVideo(file) {
            let name = try ExtractOutputs.name(of: file)
            if let other = owners.updateValue(file, forKey: ByteText(name)) {
                throw Failure(
                    .usage, "--thumbnails: pictures of \(other) and of \(file) would both be called \(name)-…")
            }
        }
        do throws(FileError) {
            guard !folder.isEmpty else { throw FileError.notWritable(path: folder, reason: "a folder is expected") }
            if try !WorkFolder.check(folder) { try WorkFolder.make(folder) }
        } catch {
            throw Failure(.configuration, "--thumbnails \(error)")
        }
    }

    /// What was written: files by their segments' first snippets, and what is to be said.
    struct Written {
        var files: [Int: String] = [:]
        /// The pictures themselves.
        var pictures: [Int: [UInt8]] = [:]
        var warnings: [String] = []
    }

    /// Writes a picture of each segment: of the middle of the snippet in it that stands out most.
    ///
    /// - Parameter times: when each snippet begins, and the last one ends
    func write(_ document: ScoreDocument, of path: String, times: [Double]) throws -> Written {
        let segments = document.scored.segments
        var written = Written()
        guard !segments.isEmpty, times.count == document.scored.scores.coarse.count + 1 else { return written }
        let prefix = (folder.ends(with: "/") ? folder : folder + "/") + (try ExtractOutputs.name(of: path)) + "-"
        if segments.count > Self.most {
            written.warnings.append(
                "pictures are of the \(Self.most) segments of the highest scores, of \(segments.count)")
        }
        var pictures: [(start: Int, jpeg: [UInt8])] = []
        do throws(FrameError) {
            let thumbnails = try Thumbnails(of: VideoFile(path: path), by: ffmpeg)
            for moment in document.scored.moments(times: times, most: Self.most) {
                pictures.append((moment.start, try thumbnails.jpeg(at: moment.seconds).jpeg))
            }
        } catch {
            written.warnings.append("not all pictures could be made: \(error.reason)")
        }
        for (start, jpeg) in pictures {
            let file = "\(prefix)\(start).jpg"
            do throws(FileError) { try AtomicFile.write(jpeg, to: file) } catch {
                throw Failure(.configuration, "--thumbnails \(error)")
            }
            (written.files[start], written.pictures[start]) = (file, jpeg)
        }
        return written
    }
}
