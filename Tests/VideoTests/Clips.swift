import Foundation
import Platform
import TestSupport
import Video

/// Videos as ffmpeg's own generators make them.
struct Clips {
    /// The program that tests are made and decoded with; nil where there is none.
    static let ffmpeg = try? FFmpeg.find()
    static var hasFFmpeg: Bool { ffmpeg != nil }

    private let folder: ScratchFolder
    let ffmpeg: FFmpeg

    init() throws {
        folder = try ScratchFolder()
        ffmpeg = try FFmpeg.find()
    }

    /// A path in a folder that goes away with this.
    func path(_ name: String) -> String { "\(folder.path)/\(name)" }

    /// Has ffmpeg write a file; false where it has not what that takes.
    func make(_ name: String, _ arguments: [String]) throws -> Bool {
        let process = Process()
        process.executableURL = URL(filePath: ffmpeg.path)
        process.arguments = ["-v", "error", "-nostdin", "-y"] + arguments + ["file:" + path(name)]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    /// What moves and has every colour.
    static func scene(_ size: String = "64x48", rate: Int = 30, seconds: Double = 1) -> [String] {
        ["-f", "lavfi", "-i", "testsrc2=size=\(size):rate=\(rate):duration=\(seconds)"]
    }

    /// A generated video by an encoder; the path, or nil where this ffmpeg has it not.
    func scene(_ name: String, by encoder: [String], _ input: [String] = Clips.scene()) throws -> String? {
        try make(name, input + encoder) ? path(name) : nil
    }

    /// A file of these bytes.
    func write(_ bytes: [UInt8], to name: String) throws -> String { try folder.write(bytes, to: name).path }

    /// Bytes of a file.
    func bytes(of path: String) throws -> [UInt8] { try MappedFile(path: path).withUnsafeBytes { Array($0) } }
}
