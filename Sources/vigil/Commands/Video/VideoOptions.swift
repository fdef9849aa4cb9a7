import ArgumentParser
import Formats
import Frames
import Platform
import Video

/// The options of commands that take videos.
struct VideoOptions: ParsableArguments {
    @Option(help: "The ffmpeg that decodes videos. (default: the first of PATH)")
    var ffmpeg: String?

    /// The program, where one of these files is a video, told on the terminal; nil where none is. It is looked for before anything is
    /// computed.
    func ffmpeg(for files: [String]) throws(Failure) -> FFmpeg? {
        guard ffmpeg != nil || files.contains(where: Self.isVideo) else { return nil }
        do throws(FFmpegError) {
            let found = try FFmpeg.find(ffmpeg)
            if !found.isolation.isSandbox {
                let advice = found.sandboxFault.map { "; bubblewrap is there and does not work: \($0)" }
                Terminal.note(
                    "videos are decoded by ffmpeg \(found.version) within \(found.isolation.text): take none from strangers"
                        + (advice ?? ", or install bubblewrap"))
            }
            return found
        } catch {
            throw Failure(.configuration, error.description)
        }
    }

    /// Whether a file is a video, by its first bytes.
    static func isVideo(_ path: String) -> Bool {
        path != FeatureReader.standardInput && VideoFile.container(of: path) != nil
    }
}

/// A file that is called as videos are and holds none.
enum NamedVideo {
    /// Why it is no video; nil where it is called otherwise, or holds features all the same.
    static func refusal(of path: String, _ file: MappedFile) -> String? {
        guard VideoContainer.isNamed(path), !holdsFeatures(file.withUnsafeBytes { FileKind.detect($0) }) else {
            return nil
        }
        let front = file.withUnsafeBytes { Array($0.prefix(VideoContainer.frontBytes)) }
        return VideoFile.refusal(front).reason
    }

    /// The same of one that is not open.
    static func isNone(_ path: String) -> Bool {
        (try? MappedFile(path: path)).map { refusal(of: path, $0) != nil } ?? false
    }

    private static func holdsFeatures(_ kind: FileKind) -> Bool {
        [.npy, .safetensors, .torchZip, .legacyTorch, .gzip, .json].contains(kind)
    }
}

/// Folders of videos among what is named.
enum VideoFolder {
    /// More files than one folder is taken with.
    private static let most = 100_000

    /// What is named, with the videos of a folder in its place: in the order of their names, and none from folders within. A folder
    /// of frames stays what it is. Throws where a video's name in a folder is not UTF-8.
    static func expanded(_ inputs: [String]) throws(Failure) -> [String] {
        var all: [String] = []
        for input in inputs {
            let (names, broken) = input == FeatureReader.standardInput ? ([], nil) : Self.names(in: input)
            guard !names.contains(where: FolderFrames.isMap) else {
                all.append(input)
                continue
            }
            // Another file may be called as this one would be.
            if let broken {
                throw Failure(
                    .badData, "\(input): the name of a video in it is not UTF-8: \(quoted(broken)); rename it")
            }
            let prefix = input.ends(with: "/") ? input : input + "/"
            // By their names alone: what is broken is told as such, and not passed over.
            let videos = names.filter { VideoContainer.isNamed($0) }.map { prefix + $0 }
            guard videos.count <= most else {
                throw Failure(.usage, "\(input): it has \(videos.count) videos: expected \(most) at most")
            }
            all += videos.isEmpty ? [input] : videos.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
        return all
    }

    /// Names of files in a folder; none where it is no folder, or can't be read. And the first name of a video that is not UTF-8.
    private static func names(in folder: String) -> (names: [String], broken: String?) {
        var names: [String] = []
        var broken: String?
        FolderNames.each(in: folder) { name, isUTF8 in
            guard name.utf8.first != ASCII.dot else { return true }
            if broken == nil, !isUTF8, VideoContainer.isNamed(name) { broken = name }
            names.append(name)
            return true
        }
        return (names, broken)
    }
}
