import Formats
import Frames
import JSON
import Platform

/// What a file of frames holds, for `vigil inspect`.
struct FrameFacts {
    private let kind: String
    private var bytes: Int
    private var frames = 0
    private var sizes: [FrameSize] = []

    /// How frames lie in a file.
    private enum Form {
        case maps, array
        /// An array that is nearly one of frames.
        case faulty(FrameError)

        var isMap: Bool { if case .maps = self { true } else { false } }

        /// Nil where a file that begins so is none of frames, and nothing like it.
        init?(_ front: UnsafeRawBufferPointer) {
            let front = Array(front.prefix(ArrayLimits().maxNPYHeaderBytes))
            if PortableMaps.isMap(front: front) {
                self = .maps
            } else if let outline = NPYOutline(front: front), let fault = ArrayFrames.fault(of: outline) {
                self = .faulty(fault)
            } else if let outline = NPYOutline(front: front), ArrayFrames.isFrames(outline) {
                self = .array
            } else {
                return nil
            }
        }
    }

    /// Whether a file that begins so is one of frames, or is to be refused as such.
    static func areFrames(_ front: UnsafeRawBufferPointer) -> Bool { Form(front) != nil }

    /// Reads all frames of what was opened; nil where it is none of frames.
    init?(_ opened: FeatureReader.Opened) throws(Failure) {
        let file = opened.file
        guard let form = file.withUnsafeBytes({ Form($0) }) else { return nil }
        if case .faulty(let fault) = form { throw Failure(.badData, "\(file.path): \(fault.reason)") }
        let isMap = form.isMap
        kind = isMap ? "frames (PPM)" : "frames (.npy, uint8)"
        bytes = file.count
        do throws(FrameError) {
            let source = opened.stream ?? ByteSource(file)
            if isMap {
                try look(at: PortableMaps(source))
            } else {
                let array = try ArrayFrames(source)
                // A file's size has told already that all are there.
                if opened.stream != nil { try look(at: array) }
                (frames, sizes) = (array.count ?? 0, [array.frameSize])
            }
            if opened.stream != nil { bytes = source.taken }
        } catch {
            throw Failure(
                error.kind == .unreadable ? .noInput : .badData,
                "\(file.path): \(isMap ? "of the PPM, " : "")\(error.reason)")
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
