import Frames
import Platform

/// One run of ffmpeg over a file: the process, and what it says.
final class Decoder: Sendable {
    private struct Board: Sendable {
        var log: VideoLog
        var hasEnded = false
        /// Whether whoever takes frames waits for pixels, which may come only after more has been said.
        var isStarved = false
        /// Whether nobody takes frames any more, so that all that is said is to be read.
        var isLeft = false
        /// Whether so many frames have been told of that no more is read.
        var isFull = false
    }

    let call: DecoderCall
    let process: Subprocess
    private let board: Monitor<Board>

    /// Begins to decode.
    init(_ file: VideoFile, _ ffmpeg: FFmpeg, _ limits: VideoLimits, _ output: DecoderCall.Output) throws(FrameError) {
        var random = SystemRandom()
        let call = DecoderCall(
            ffmpeg: ffmpeg, container: file.container, limits: limits, mark: String(random.next(), radix: 36),
            output: output)
        guard let command = call.command else { throw FrameError(.unreadable, "\(ffmpeg.isolation.rawValue) is gone") }
        let process: Subprocess
        do throws(SubprocessError) { process = try Subprocess(command, input: file.descriptor) } catch {
            throw FrameError(.unreadable, error.description)
        }
        let keepsMarks =
            switch output {
            case .pixels, .planes: true
            case .facts, .picture: false
            }
        let board = Monitor(Board(log: VideoLog(mark: call.mark, keepsMarks: keepsMarks)))
        (self.call, self.process, self.board) = (call, process, board)
        let code = OwnThread.run(name: "vigil-ffmpeg", stackBytes: 1 << 18) { [process] in
            Self.read(process, to: board, most: limits.marks)
            board.withLock { $0.hasEnded = true }
            board.wakeAll()
        }
        guard code == 0 else {
            process.kill()
            throw FrameError(.unreadable, "no thread can be started: \(errnoText(code))")
        }
    }

    deinit {
        process.kill()
        leave()
    }

    /// What was said until now.
    var log: VideoLog { board.withLock { $0.log } }

    /// What comes of waiting for the next frame.
    enum Next {
        case frame(VideoLog.Mark)
        case end
        case late
    }

    /// Waits for what is said of the next frame, which stays the next until it is taken.
    func next() -> Next {
        board.wait(until: Deadline(in: call.limits.patience)) { board -> Next? in
            board.log.marks.first.map { .frame($0) } ?? (board.hasEnded ? .end : nil)
        } ?? .late
    }

    /// How the colours of the next frame, whose pixels have come, are coded; nil where that is not told, or not known here.
    func planes() -> VideoLog.Planes? {
        board.wait(until: Deadline(in: call.limits.patience)) { board -> VideoLog.Planes?? in
            let marks = board.log.marks
            guard let mark = marks.first, !mark.isTold, marks.count == 1, !board.hasEnded else {
                return .some(marks.first?.planes)
            }
            return nil
        } ?? nil
    }

    /// Takes the next frame's mark away.
    func take() {
        let isRoom = board.withLock { board in
            board.log.takeMark()
            return board.isFull && board.log.marks.count <= call.limits.marks / 2
        }
        if isRoom { board.wakeAll() }
    }

    /// From now on nobody takes frames.
    private func leave() {
        board.withLock { $0.isLeft = true }
        board.wakeAll()
    }

    /// Waits until all has been said and the process is gone; ends it where that takes too long.
    func finish() -> (log: VideoLog, end: Subprocess.End?) {
        leave()
        let deadline = Deadline(in: call.limits.patience)
        var end = process.wait(until: deadline)
        // bubblewrap tells of a signal as shells do. Codes above these are ffmpeg's own, made of its errors.
        if call.ffmpeg.isolation == .bubblewrap, case .exited(let code)? = end, (129...159).contains(code) {
            end = .killed(code - 128)
        }
        if end == nil { process.kill() }
        _ = board.wait(until: Deadline(in: .seconds(5))) { $0.hasEnded ? true : nil }
        return (log, end)
    }

    /// Fills a buffer with pixels; fewer come where they end, or where for too long none came.
    func fill(_ target: UnsafeMutableRawBufferPointer) -> Int {
        var done = 0
        while done < target.count {
            let found = awaitPixels()
            if found < 0, errno == EINTR { continue }
            guard found > 0 else { break }
            let rest = UnsafeMutableRawBufferPointer(rebasing: target[done...])
            let count = Platform.read(process.output, rest.baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            done += count
        }
        return done
    }

    /// As poll has it, and errno.
    private func awaitPixels() -> CInt {
        var entry = pollfd(fd: process.output, events: Int16(POLLIN), revents: 0)
        let found = poll(&entry, 1, 0)
        guard found == 0 else { return found }
        // It may hold pixels back until more frames have come, of which it tells first.
        board.withLock { $0.isStarved = true }
        board.wakeAll()
        let late = poll(&entry, 1, Deadline(in: call.limits.patience).milliseconds)
        let code = errno
        board.withLock { $0.isStarved = false }
        errno = code
        return late
    }

    /// Reads the pixels of a frame that nobody wants; false where they end.
    func pass(_ count: Int) -> Bool {
        var rest = count
        var buffer = [UInt8](repeating: 0, count: min(rest, 1 << 20))
        while rest > 0 {
            let part = min(rest, buffer.count)
            let found = buffer.withUnsafeMutableBytes { fill(UnsafeMutableRawBufferPointer(rebasing: $0[..<part])) }
            guard found == part else { return false }
            rest -= part
        }
        return true
    }

    /// Waits while too many frames have been told of: then the process waits too, as soon as nobody reads what it says.
    private static func awaitRoom(on board: Monitor<Board>, _ most: Int) {
        board.withLock { $0.isFull = $0.log.marks.count > most }
        board.wait { board -> Void? in
            guard board.isFull, !board.isStarved, !board.isLeft, board.log.marks.count > most / 2 else {
                board.isFull = false
                return ()
            }
            return nil
        }
    }

    /// Reads lines until nobody can write any more; of a long one only its beginning is kept.
    private static func read(_ process: Subprocess, to board: Monitor<Board>, most: Int) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var line: [UInt8] = []
        while true {
            let count = Platform.read(process.errors, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            var isNews = false
            var rest = buffer[..<count]
            while let end = rest.firstIndex(where: { $0 == ASCII.lineFeed || $0 == ASCII.carriageReturn }) {
                line += rest[..<end].prefix(VideoLog.mostBytes - line.count)
                let text = String(decoding: line, as: UTF8.self)
                board.withLock { $0.log.take(text) }
                (line, isNews) = ([], true)
                rest = rest[(end + 1)...]
            }
            line += rest.prefix(VideoLog.mostBytes - line.count)
            if isNews { board.wakeAll() }
            awaitRoom(on: board, most)
        }
        let text = String(decoding: line, as: UTF8.self)
        board.withLock { $0.log.take(text) }
    }
}
