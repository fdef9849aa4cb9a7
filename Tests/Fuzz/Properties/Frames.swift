@testable import Frames

/// What comes of frames.
private enum FramesOutcome: Equatable {
    case frames([[UInt8]])
    case refused(FrameError)
}

/// Reads all frames, bytes coming as `pieces` say.
private func frames(
    _ input: UnsafeRawBufferPointer, _ pieces: [Range<Int>], isCounted: Bool
) -> FramesOutcome {
    var rest = pieces[...]
    var at = 0
    let source = ByteSource(path: "input", count: isCounted ? input.count : nil) { buffer in
        while let piece = rest.first, at == piece.upperBound { rest = rest.dropFirst() }
        guard let piece = rest.first else { return 0 }
        let part = UnsafeRawBufferPointer(rebasing: input[at..<min(piece.upperBound, at + buffer.count)])
        buffer.copyMemory(from: part)
        at += part.count
        return part.count
    }
    do throws(FrameError) {
        if input.first == 0x93 { return .frames(try all(ArrayFrames(source), input.count)) }
        if input.first == 0, let size = FrameSize(width: 3, height: 2) {
            return .frames(try all(RawFrames(source, size: size), input.count))
        }
        return .frames(try all(PortableMaps(source), input.count))
    } catch {
        require(!error.description.contains("\n"), "an error is one line")
        return .refused(error)
    }
}

private func all(_ source: some FrameSource, _ bytes: Int) throws(FrameError) -> [[UInt8]] {
    var source = source
    var frame: Frame?
    var found: [[UInt8]] = []
    while try source.next(into: &frame) {
        guard let frame else { break }
        require(frame.byteCount <= 3 * bytes, "a frame has three bytes for one of the input at most")
        found.append(frame.withUnsafeBytes { Array($0) })
    }
    require(source.count.map { $0 == found.count } ?? true, "there are as many frames as was said")
    return found
}

/// Frames of PPM, of .npy, or raw ones: in pieces the same as at once, and from a pipe the same as from a file, whose length
/// only tells sooner that it ends too early.
func checkFrames(_ input: UnsafeRawBufferPointer) {
    let piped = checkPieces(input) { input, pieces in frames(input, pieces, isCounted: false) }
    let whole = checkPieces(input) { input, pieces in frames(input, pieces, isCounted: true) }
    switch (piped, whole) {
    case (.frames, .frames): require(piped == whole, "a pipe gives what a file gives")
    case (.refused, .refused): break
    default: require(false, "a pipe is refused where a file is: \(piped), \(whole)")
    }
    if case .frames(let found) = whole { require(found.count <= input.count, "a frame takes a byte or more") }
}
