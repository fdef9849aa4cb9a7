import Formats
import Platform

/// Frames of an .npy file: uint8 of [N, H, W, 3]; grey ones of [N, H, W] or [N, H, W, 1]; one frame of [H, W, 3].
public struct ArrayFrames: FrameSource {
    /// The most frames that a file may claim; so many take years.
    static let mostFrames = 1 << 40

    private let source: ByteSource
    private let shape: [Int]
    private let size: FrameSize
    private let isGrey: Bool
    private let frames: Int
    private var index = 0

    /// Reads the header; throws where it is not of frames.
    public init(_ source: ByteSource) throws(FrameError) {
        let front = Array(try source.peek(NPYOutline.preludeBytes))
        let limit = ArrayLimits().maxNPYHeaderBytes
        guard let bytes = NPYOutline.headerBytes(front: front) else {
            throw FrameError(.malformed, "it is no .npy: it does not begin with \\x93NUMPY and a header")
        }
        guard bytes <= limit else {
            throw FrameError(.tooLarge, "the .npy header claims \(bytes) bytes; the limit is \(limit)")
        }
        var header = [UInt8](repeating: 0, count: bytes)
        let found = try header.withUnsafeMutableBufferPointer { buffer throws(FrameError) in
            try source.fill(UnsafeMutableRawBufferPointer(buffer))
        }
        guard found == bytes else {
            throw FrameError(.truncated, "the .npy header ends after \(found) of its \(bytes) bytes")
        }
        guard let outline = NPYOutline(front: header) else {
            throw FrameError(.malformed, "the .npy header can't be read")
        }
        let form = try Self.form(outline)
        (shape, size, isGrey, frames) = (outline.shape, form.size, form.isGrey, form.frames)
        self.source = source
        try check()
    }

    /// Whether an array's header is one of frames.
    public static func isFrames(_ outline: NPYOutline) -> Bool {
        do throws(FrameError) {
            _ = try form(outline)
            return true
        } catch { return false }
    }

    /// Why an array is none of frames that looks like one, bytes of three or four axes; nil where it is one, or looks like
    /// something else.
    public static func fault(of outline: NPYOutline) -> FrameError? {
        guard isBytes(outline), (3...4).contains(outline.shape.count) else { return nil }
        do throws(FrameError) {
            _ = try form(outline)
            return nil
        } catch { return error }
    }

    private static func isBytes(_ outline: NPYOutline) -> Bool {
        ["|u1", "u1", "<u1", ">u1"].contains { outline.type?.hasBytes(of: $0) ?? false }
    }

    /// What they come from.
    public var kind: String { "an .npy file of \(shape)" }

    /// How many there are.
    public var count: Int? { frames }

    /// Pixels of each.
    public var frameSize: FrameSize { size }

    /// Throws where the file is known to have fewer or more bytes than its header says.
    private func check() throws(FrameError) {
        guard let remaining = source.remaining else { return }
        let (bytes, isOver) = frames.multipliedReportingOverflow(by: frameBytes)
        guard isOver || remaining != bytes else { return }
        throw FrameError(
            isOver || remaining < bytes ? .truncated : .malformed,
            "\(remaining) bytes follow the .npy header, which says \(shape): expected "
                + (isOver ? "more than there can be" : "\(bytes)"))
    }

    private var frameBytes: Int { size.width * size.height * (isGrey ? 1 : 3) }

    private typealias Form = (size: FrameSize, isGrey: Bool, frames: Int)

    private static let expected =
        "expected uint8 of [N, H, W, 3], of [N, H, W] for grey frames, or of [H, W, 3] for one frame"

    private static func form(_ outline: NPYOutline) throws(FrameError) -> Form {
        let shape = outline.shape
        guard isBytes(outline) else {
            throw FrameError(
                .unsupported, "its numbers are \(quoted(outline.type ?? "structured")): \(expected)\(advice(outline))")
        }
        guard !outline.isFortranOrder else {
            throw FrameError(
                .unsupported,
                "it is in Fortran order, in which no frame lies in one piece: write it by "
                    + "numpy.save(FILE, numpy.ascontiguousarray(frames))")
        }
        let sides: (Int, Int)
        let isGrey: Bool
        let frames: Int
        switch (shape.count, shape.last) {
        case (4, 3): (frames, sides, isGrey) = (shape[0], (shape[2], shape[1]), false)
        case (4, 1): (frames, sides, isGrey) = (shape[0], (shape[2], shape[1]), true)
        case (3, 3): (frames, sides, isGrey) = (1, (shape[1], shape[0]), false)
        case (3, _): (frames, sides, isGrey) = (shape[0], (shape[2], shape[1]), true)
        default: throw FrameError(.unsupported, "its shape is \(shape): \(expected)\(advice(outline))")
        }
        guard let size = FrameSize(width: sides.0, height: sides.1) else {
            let isNone = sides.0 < 1 || sides.1 < 1
            throw FrameError(
                isNone ? .malformed : .tooLarge,
                "its frames have \(sides.0)x\(sides.1) pixels: expected 1 to \(Frame.longestSide) on a side")
        }
        guard frames <= mostFrames else { throw FrameError(.tooLarge, "it claims \(frames) frames") }
        return (size, isGrey, frames)
    }

    /// How what is nearly right is made right.
    private static func advice(_ outline: NPYOutline) -> String {
        let shape = outline.shape
        if shape.count == 4, shape[3] == 4 { return "; without the fourth channel it is frames[..., :3]" }
        if shape.count == 4, shape[1] == 3 { return "; with channels last it is frames.transpose(0, 2, 3, 1)" }
        if shape.count == 2, outline.type.map({ !$0.ends(with: "u1") }) ?? false {
            return "; features are for vigil score and vigil inspect"
        }
        return ""
    }

    /// The next frame.
    public mutating func next(into frame: inout Frame?) throws(FrameError) -> Bool {
        guard index < frames else {
            guard try source.peek(1).isEmpty else {
                throw FrameError(.malformed, "bytes follow the last of the \(frames) frames that the .npy header says")
            }
            return false
        }
        var found = 0
        var grey = [UInt8](repeating: 0, count: isGrey ? size.width : 0)
        frame = try Frame(size, inPlaceOf: &frame, isSure: source.remaining != nil) { rows, bytes throws(FrameError) in
            guard isGrey else { return try fill(bytes, found: &found) }
            let length = bytes.count / rows.count
            for index in 0..<rows.count {
                try grey.withUnsafeMutableBufferPointer { row throws(FrameError) in
                    try fill(UnsafeMutableRawBufferPointer(row), found: &found)
                }
                let target = UnsafeMutableRawBufferPointer(rebasing: bytes[index * length..<(index + 1) * length])
                try Samples.write(grey, largest: 255, isGrey: true, to: target)
            }
        }
        index += 1
        return true
    }

    private func fill(_ bytes: UnsafeMutableRawBufferPointer, found: inout Int) throws(FrameError) {
        let came = try source.fill(bytes)
        found += came
        guard came == bytes.count else {
            throw FrameError(
                .truncated, "frame \(index) of \(frames) ends after \(found) of its \(frameBytes) bytes")
        }
    }
}
