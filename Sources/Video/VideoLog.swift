import Frames
import Platform

/// What is known of a video, of as many frames as were looked at.
public struct VideoFacts: Equatable, Sendable {
    /// What decodes it: `h264`.
    public internal(set) var codec: String?
    /// As ffmpeg calls it: `yuv420p10le`.
    public internal(set) var pixelFormat: String?
    /// Seconds, as the file says.
    public internal(set) var duration: Double?
    /// Frames a second, as the file says.
    public internal(set) var rate: Double?
    /// Degrees by which its frames are turned to be upright, which they are when they come.
    public internal(set) var rotation: Double?
    /// How brightness is coded: `smpte2084`; nil where the file does not say.
    public internal(set) var transfer: String?
    /// Frames that came.
    public internal(set) var frames = 0
    /// Their sizes in the order in which they came, eight at most.
    public internal(set) var sizes: [FrameSize] = []
    /// The first one's time, and the last one's, in seconds.
    public internal(set) var times: ClosedRange<Double>?
    /// The shortest and the longest time between two frames.
    public internal(set) var steps: ClosedRange<Double>?
    /// Whether some frame was two fields.
    public internal(set) var isInterlaced = false
    /// Frames without a time, or with one before that of the frame before.
    public internal(set) var brokenTimes = 0
    /// What was wrong with it, as ffmpeg says: so many lines.
    public internal(set) var faults = 0
    /// How the first frame's planes are coded, where that is known here.
    var planes: VideoLog.Planes?

    /// Whether it is of high dynamic range.
    public var isHDR: Bool { transfer.map { $0 == "smpte2084" || $0 == "arib-std-b67" } ?? false }

    /// Whether frames come at unequal times: by more than the last digit of times that are told in milliseconds.
    public var isVariable: Bool { steps.map { $0.upperBound - $0.lowerBound > 0.0021 } ?? false }

    /// The rate that is meant by one that was measured: the file's own where that is as good as the same.
    public func settled(_ measured: Double) -> Double {
        guard !isVariable, let rate, abs(rate - measured) < 0.01 * rate else { return measured }
        return rate
    }

    /// How many frames it should have, where it says how long it is and at which rate.
    public var expectedFrames: Int? {
        guard let duration, let rate, duration * rate < 1e12 else { return nil }
        return Int((duration * rate).rounded())
    }
}

/// What ffmpeg writes to its standard error, line by line: what is known of the video, of each frame before its pixels come,
/// and what was wrong.
struct VideoLog {
    /// A frame that is about to come.
    struct Mark: Equatable {
        /// Nil for one that is too large.
        let size: FrameSize?
        /// Its place in time; nil where it has none.
        let seconds: Double?
        /// Which one it is, counted from 0, or again from 0 where the video has changed in the middle.
        var number = 0
        /// How its planes are coded, once that has been told; nil also where it is not known here.
        var planes: Planes?
        /// Whether all has been told of it.
        var isTold = false
    }

    /// Lines that are kept of what was wrong.
    static let mostFaults = 16
    /// Bytes of a line that count.
    static let mostBytes = 4_096

    private let lead: String
    private let keepsMarks: Bool
    private var timeBase: Double?
    private var isInput = false
    /// Of the frame that was told of last.
    private var format: PlaneFormat?
    private(set) var facts = VideoFacts()
    /// Seconds of processors that it took; nil where it did not come to its end.
    private(set) var processorSeconds: Double?
    private var queue: [Mark] = []
    /// Marks at the queue's beginning that have been taken.
    private var head = 0
    /// Frames whose pixels have not been taken.
    var marks: ArraySlice<Mark> { queue[head...] }
    /// The last lines that told of something wrong.
    private(set) var faults: [String] = []
    /// What was refused because it is on no list, each once, in the order in which it was refused last.
    private(set) var refused: [String] = []

    /// - Parameters:
    ///   - mark: what lines about frames are known by
    ///   - keepsMarks: whether somebody takes the frames' marks
    init(mark: String, keepsMarks: Bool) {
        lead = "[showinfo@\(mark) @ "
        self.keepsMarks = keepsMarks
    }

    /// Takes the next line, without its end.
    mutating func take(_ line: String) {
        if line.begins(with: lead) { return takeShown(line) }
        var text = line[...]
        // Whatever speaks says who it is, and on whose behalf.
        while text.begins(with: "["), let end = Self.place(of: "] ", in: text),
            Self.place(of: " @ 0x", in: text[..<end]) != nil
        {
            text = text[text.utf8.index(end, offsetBy: 2)...]
        }
        if let fault = text.rest(after: "[error] ") ?? text.rest(after: "[fatal] ") { return takeFault(String(fault)) }
        guard let told = text.rest(after: "[info] ") else { return }
        if let rest = told.rest(after: "bench: utime=") { processorSeconds = Self.worked(rest) }
        if told.begins(with: "Input #0,") { isInput = true }
        if told.begins(with: "Output #0,") { isInput = false }
        if told.begins(with: "Stream mapping:") { isInput = false }
        if let rest = told.rest(after: "  Duration: "), isInput { facts.duration = Self.clock(rest) }
        if let rest = told.rest(after: "  Stream #0:"), let start = Self.place(of: " -> #0:0 (", in: rest) {
            let name = rest.utf8[start...].dropFirst(" -> #0:0 (".utf8.count).prefix { $0 != ASCII.space }
            facts.codec = Substring(name).isEmpty ? nil : String(Substring(name))
        }
        if isInput, let start = Self.place(of: "displaymatrix: rotation of ", in: told) {
            let rest = told.utf8[start...].dropFirst("displaymatrix: rotation of ".utf8.count).prefix {
                $0 != ASCII.space
            }
            let degrees = Double(String(Substring(rest)))
            if let degrees, degrees.isFinite, abs(degrees) > 0.01 { facts.rotation = degrees }
        }
    }

    /// Takes the first mark away, where there is one.
    mutating func takeMark() {
        guard head < queue.count else { return }
        head += 1
        guard head >= 1_024, head >= queue.count / 2 else { return }
        queue.removeFirst(head)
        head = 0
    }

    private mutating func takeFault(_ text: String) {
        if let start = Self.place(of: ") not on whitelist", in: text[...]), let rest = text.rest(after: "Codec (") {
            let name = String(rest[..<start])
            // The last one is that of the video, when its decoder is opened, however often the sound's was asked for before.
            if let known = refused.firstIndex(where: { $0.hasBytes(of: name) }) {
                refused.remove(at: known)
            } else if refused.count == Self.mostFaults {
                refused.removeFirst()
            }
            refused.append(name)
            return
        }
        facts.faults += 1
        if faults.count == Self.mostFaults { faults.removeFirst() }
        faults.append(String(text.prefix(200)))
    }

    private mutating func takeShown(_ line: String) {
        guard let start = Self.place(of: "] [info] ", in: line[...]) else { return }
        let text = Substring(line.utf8[start...].dropFirst("] [info] ".utf8.count))
        if let rest = text.rest(after: "config in time_base: ") {
            timeBase = Self.ratio(rest.utf8.prefix { $0 != ASCII.comma })
            if let rate = Self.value(" frame_rate: ", in: text).flatMap({ Self.ratio($0.utf8) }), rate > 0, rate < 1e6 {
                facts.rate = facts.rate ?? rate
            }
        } else if text.begins(with: "n:"), let size = Self.value(" s:", in: text) {
            takeFrame(text, size: size)
        } else if text.begins(with: "color_range:") {
            takeColours(text)
        }
    }

    private mutating func takeFrame(_ text: Substring, size: Substring) {
        let sides = size.pieces(between: UInt8(ascii: "x")).map { ASCII.number($0.utf8, most: 6) }
        let known = sides.count == 2 ? FrameSize(width: sides[0] ?? 0, height: sides[1] ?? 0) : nil
        let ticks = Self.value(" pts:", in: text).flatMap { Int64(String($0)) }
        let seconds = ticks.flatMap { ticks in timeBase.map { Double(ticks) * $0 } }
        if let known, !facts.sizes.contains(known), facts.sizes.count < 8 { facts.sizes.append(known) }
        let format = Self.value(" fmt:", in: text).map { String($0) }
        if facts.frames == 0 { facts.pixelFormat = format }
        self.format = format.flatMap { PlaneFormat(rawValue: $0) }
        if let field = Self.value(" i:", in: text), field == "T" || field == "B" { facts.isInterlaced = true }
        note(seconds)
        facts.frames += 1
        let number =
            text.rest(after: "n:").flatMap {
                ASCII.number($0.utf8.drop { $0 == ASCII.space }.prefix(while: ASCII.isDigit), most: 15)
            } ?? 0
        if keepsMarks { queue.append(Mark(size: known, seconds: seconds, number: number)) }
    }

    private mutating func takeColours(_ text: Substring) {
        if facts.transfer == nil, let name = Self.value(" color_trc:", in: text) {
            facts.transfer = name == "unknown" ? nil : String(name)
        }
        let planes = format.flatMap { Planes($0, colours: text) }
        if facts.frames == 1 { facts.planes = planes }
        guard keepsMarks, head < queue.count else { return }
        (queue[queue.count - 1].planes, queue[queue.count - 1].isTold) = (planes, true)
    }

    private mutating func note(_ seconds: Double?) {
        guard let seconds, seconds.isFinite else {
            facts.brokenTimes += 1
            return
        }
        guard let times = facts.times else {
            facts.times = seconds...seconds
            return
        }
        guard seconds > times.upperBound else {
            facts.brokenTimes += 1
            return
        }
        let step = seconds - times.upperBound
        facts.steps = facts.steps.map { min($0.lowerBound, step)...max($0.upperBound, step) } ?? step...step
        facts.times = times.lowerBound...seconds
    }

    /// `1/15360`.
    private static func ratio(_ text: Substring.UTF8View) -> Double? {
        let parts = Substring(text).pieces(between: ASCII.slash).map { Double(ASCII.number($0.utf8, most: 15) ?? 0) }
        guard parts.count == 2, parts[0] > 0, parts[1] > 0 else { return nil }
        return parts[0] / parts[1]
    }

    /// `00:01:02.50`; nil where it is not known.
    private static func clock(_ text: Substring) -> Double? {
        let parts = Substring(text.utf8.prefix { $0 != ASCII.comma }).pieces(between: ASCII.colon)
        guard parts.count == 3, let hours = ASCII.number(parts[0].utf8, most: 6),
            let minutes = ASCII.number(parts[1].utf8, most: 2), let seconds = Double(String(parts[2])), seconds.isFinite
        else { return nil }
        return Double(hours * 3_600 + minutes * 60) + seconds
    }

    /// `0.038s stime=0.013s rtime=0.052s`.
    private static func worked(_ text: Substring) -> Double? {
        let parts = text.pieces(between: UInt8(ascii: "s"))
        guard let user = parts.first.flatMap({ Double(String($0)) }),
            let rest = text.utf8.firstRange(of: "stime=".utf8),
            let system = Double(String(Substring(text.utf8[rest.upperBound...].prefix { $0 != UInt8(ascii: "s") }))),
            user.isFinite, system.isFinite, user >= 0, system >= 0
        else { return nil }
        return user + system
    }

    /// What stands behind a name, up to the next blank.
    static func value(_ name: String, in text: Substring) -> Substring? {
        guard let start = place(of: name, in: text) else { return nil }
        let rest = text.utf8[start...].dropFirst(name.utf8.count).drop { $0 == ASCII.space }
        return Substring(rest.prefix { $0 != ASCII.space })
    }

    /// Where a text stands first.
    private static func place(of needle: String, in text: Substring) -> Substring.Index? {
        text.utf8.firstRange(of: needle.utf8)?.lowerBound
    }
}
