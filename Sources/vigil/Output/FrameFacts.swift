import Formats
import Frames
import JSON
import Platform

/// What a file of frames holds, for `vigil inspect`.
struct FrameFacts {
    private let kind: String
    private let bytes: Int
    private var frames = 0
    private var sizes: [FrameSize] = []

    /// Reads all frames of a file; nil where it is none of frames.
    init?(_ file: MappedFile) throws(Failure) {
        let front = file.withUnsafeBytes { Array($0.prefix(ArrayLimits().maxNPYHeaderBytes)) }
        let isMap = PortableMaps.isMap(front: front)
        guard isMap || NPYOutline(front: front).map({ ArrayFrames.isFrames($0) }) ?? false else { return nil }
        kind = isMap ? "frames (PPM)" : "frames (.npy, uint8)"
        bytes = file.count
        do throws(FrameError) {
            let source = ByteSource(file)
            if isMap {
                try look(at: PortableMaps(source))
            } else {
                let array = try ArrayFrames(source)
                (frames, sizes) = (array.count ?? 0, [array.frameSize])
            }
        } catch {
            throw Failure(.badData, "\(file.path): \(isMap ? "of the PPM, " : "")\(error.reason)")
        }
    }

    private mutating func look(at source: some FrameSource) throws(FrameError) {
        var source = source
        var frame: Frame?
        while try source.next(into: &frame) {
            frames += 1
            guard let frame, let size = FrameSize(width: frame.width, height: frame.height), !sizes.contains(size),
                sizes.count < 8
            else { continue }
            sizes.append(size)
        }
    }

    /// What to do with it.
    private static let advice =
        "vigil extract makes features of them, by a model that was imported with --keep-image-tower"

    /// A line a fact.
    var text: [UInt8] {
        let facts = [
            ("kind", kind), ("frames", String(frames)), ("size", sizes.map(\.description).joined(separator: ", ")),
            ("bytes", String(bytes)),
        ]
        let lines = facts.map { $0 + String(repeating: " ", count: 8 - $0.count) + $1 } + ["", Self.advice]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// The same for a program.
    func json(file: String) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("file", file)
                json.member("kind", kind)
                json.member("frames", frames)
                json.member("sizes", sizes.map(\.description))
                json.member("bytes", bytes)
            }
        }
    }
}
