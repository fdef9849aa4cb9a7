import Frames

/// A made-up clip: its shots one after the other, and what happens in them.
public struct SceneClip: Sendable {
    /// Pixels and rows of a frame, and how many there are in a second.
    public static let size = (width: Canvas.width, height: Canvas.height)
    /// Frames a second.
    public static let rate = 30

    /// What its files and rows of lists are called.
    public let name: String
    /// What happens, and in which frames.
    public let events: [Event]
    /// How many frames it has.
    public let frames: Int
    private let shots: [Shot]

    /// An event and its frames.
    public struct Event: Equatable, Sendable {
        /// What it is.
        public let kind: SceneEvent
        /// From its first frame to before its last.
        public let frames: Range<Int>
    }

    init(name: String, shots: [Shot]) {
        self.name = name
        self.shots = shots
        var start = 0
        var events: [Event] = []
        for shot in shots {
            if let (kind, frames) = shot.event, !frames.isEmpty {
                events.append(Event(kind: kind, frames: start + frames.lowerBound..<start + frames.upperBound))
            }
            start += shot.frames
        }
        self.events = events
        frames = start
    }

    /// The label that a list has: the events' classes, each once, or that of the normal class.
    public var label: String {
        let kinds = SceneEvent.allCases.filter { kind in events.contains { $0.kind == kind } }
        return kinds.isEmpty ? SceneEvent.labels[0] : kinds.map(\.rawValue).joined(separator: ";")
    }

    /// The shot of a frame, and which of its frames that is.
    private func place(of frame: Int) -> (shot: Shot, frame: Int)? {
        var frame = frame
        for shot in shots {
            if frame < shot.frames { return (shot, frame) }
            frame -= shot.frames
        }
        return nil
    }

    /// What is to be seen in a frame.
    public func sights(at frame: Int) -> Set<SceneSight> {
        place(of: frame).map { SceneSight.sights(of: $0.shot, at: $0.frame) } ?? []
    }

    /// Writes a frame's bytes, R G B by rows.
    public func draw(_ frame: Int, into bytes: UnsafeMutableRawBufferPointer) {
        guard let (shot, frame) = place(of: frame) else { return }
        let (canvas, palette) = shot.picture(at: frame)
        var colours = [UInt8](repeating: 0, count: 3 * 256)
        for (ink, colour) in palette.enumerated() {
            colours[3 * ink] = UInt8(clamping: colour.red)
            colours[3 * ink + 1] = UInt8(clamping: colour.green)
            colours[3 * ink + 2] = UInt8(clamping: colour.blue)
        }
        precondition(bytes.count == 3 * canvas.pixels.count, "a frame has three bytes a pixel")
        canvas.pixels.withUnsafeBufferPointer { pixels in
            colours.withUnsafeBufferPointer { colours in
                for at in pixels.indices {
                    let ink = 3 * Int(pixels[at])
                    bytes[3 * at] = colours[ink]
                    bytes[3 * at + 1] = colours[ink + 1]
                    bytes[3 * at + 2] = colours[ink + 2]
                }
            }
        }
    }

    /// How a frame becomes the tower's square, as `vigil extract` does it unless it is told otherwise.
    public static func recipe(resolution: Int) throws(FrameError) -> Recipe {
        guard let recipe = Recipe(.vadclip, crop: 0, resolution: resolution) else {
            throw FrameError(.unsupported, "there is no recipe for squares of \(resolution) pixels")
        }
        return recipe
    }

    /// Its frames, one after the other.
    public var source: SceneFrames { SceneFrames(clip: self) }
}

/// The frames of a clip as an extraction reads them.
public struct SceneFrames: FrameSource, Sendable {
    fileprivate let clip: SceneClip
    private var index = 0

    fileprivate init(clip: SceneClip) { self.clip = clip }

    /// What they come from.
    public var kind: String { "made-up scene" }
    /// How many there are.
    public var count: Int? { clip.frames }
    /// When the last frame is shown.
    public var seconds: Double? { index > 0 ? Double(index - 1) / Double(SceneClip.rate) : nil }

    /// The next frame.
    public mutating func next(into frame: inout Frame?) throws(FrameError) -> Bool {
        guard index < clip.frames else { return false }
        if frame == nil { frame = try Frame(width: Canvas.width, height: Canvas.height) }
        let (clip, number) = (clip, index)
        try frame?.withUnsafeMutableBytes { bytes throws(FrameError) in clip.draw(number, into: bytes) }
        index += 1
        return true
    }
}
