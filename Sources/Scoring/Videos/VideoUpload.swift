import Platform
import Video

/// A video on its way to the shelf: written and hashed while it comes, and gone where it does not come to its end.
///
/// `@unchecked Sendable`: one task has it, which waits for each write before it does the next.
final class VideoUpload: @unchecked Sendable {
    /// Bytes that are gathered before they are written: what an upload that stands still may hold.
    private static let gathered = 64 << 10
    /// Pieces of fewer bytes are joined.
    private static let small = 8 << 10
    /// Bytes that room is asked for at a time: who announces many and sends few keeps none from others.
    private static let ahead = 16 << 20

    private let shelf: VideoShelf
    private let opening: VideoShelf.Opening
    private let limit: Int
    private let expected: Int?
    private let sender: VideoShelf.Sender
    private var digest = SHA256()
    private var container: VideoContainer?
    /// Pieces as they came.
    private var buffer: [[UInt8]] = []
    private var buffered = 0
    private var written = 0
    /// Bytes that room was asked for and that are not written.
    private var promised = 0
    private var isOver = false

    private init(
        _ shelf: VideoShelf, _ opening: VideoShelf.Opening, limit: Int, expected: Int?, _ sender: VideoShelf.Sender
    ) {
        (self.shelf, self.opening, self.sender) = (shelf, opening, sender)
        (self.limit, self.expected) = (limit, expected)
    }

    deinit {
        shelf.settle(promised, of: sender)
        if !isOver { shelf.discard(opening, of: sender, bytes: written) }
    }

    /// Makes room for a video.
    ///
    /// - Parameters:
    ///   - limit: bytes that it may have
    ///   - expected: bytes that it has, as far as that is known
    ///   - sender: who sends it, of whom the disk has no more than a share
    static func begin(
        on shelf: VideoShelf, limit: Int, expected: Int?, of sender: VideoShelf.Sender
    ) async throws(ScoringError) -> VideoUpload {
        if let expected, expected > limit { throw .video(.tooLarge(limit: limit)) }
        let result = await WorkThreads.blocking.run { () -> Result<VideoUpload, ScoringError> in
            Result { () throws(ScoringError) in
                let step = min(expected ?? 0, ahead)
                try shelf.promise(step, of: expected, to: sender)
                do throws(FileError) {
                    let upload = VideoUpload(shelf, try shelf.begin(), limit: limit, expected: expected, sender)
                    upload.promised = step
                    return upload
                } catch {
                    shelf.settle(step, of: sender)
                    throw Self.told(error)
                }
            }
        }
        return try result.get()
    }

    /// Takes the next piece.
    func take(_ piece: [UInt8]) async throws(ScoringError) {
        guard written + buffered + piece.count <= limit else { throw .video(.tooLarge(limit: limit)) }
        buffered += piece.count
        if piece.count < Self.small, let last = buffer.last, last.count < Self.small {
            buffer[buffer.count - 1] += piece
        } else {
            buffer.append(piece)
        }
        if container == nil, buffered >= VideoContainer.frontBytes { try recognise() }
        if buffered >= Self.gathered { try await flush() }
    }

    /// All has come: the video is on the shelf when this returns.
    func finish() async throws(ScoringError) -> ShelvedVideo {
        if container == nil { try recognise() }
        try await flush()
        let result = await WorkThreads.blocking.run {
            [shelf, opening, sender, written] () -> Result<Void, ScoringError> in
            Result { () throws(ScoringError) in
                do throws(FileError) { try shelf.finish(opening, of: sender, bytes: written) } catch {
                    throw Self.told(error)
                }
            }
        }
        try result.get()
        isOver = true
        guard let container else { throw .video(.unfit("the file is empty")) }
        return ShelvedVideo(
            VideoInput(token: opening.token, bytes: written, sha256: digest.hexDigest, container: container), on: shelf)
    }

    /// Throws unless it begins as a video does.
    private func recognise() throws(ScoringError) {
        let front = Array(buffer.joined().prefix(VideoContainer.frontBytes))
        container = VideoContainer(front: front)
        guard container == nil else { return }
        throw .video(.unfit(VideoFile.refusal(front).reason))
    }

    private func flush() async throws(ScoringError) {
        guard buffered > 0 else { return }
        let result = await WorkThreads.blocking.run { [self] () -> Result<Void, ScoringError> in
            Result { () throws(ScoringError) in try writeOut() }
        }
        try result.get()
    }

    private func writeOut() throws(ScoringError) {
        if promised < buffered {
            let left = expected.map { $0 - written - promised } ?? Self.ahead
            let step = max(min(left, Self.ahead), buffered - promised)
            try shelf.promise(step, to: sender)
            promised += step
        }
        for piece in buffer { try write(piece) }
        shelf.settle(buffered, of: sender, areWritten: true)
        (written, promised) = (written + buffered, promised - buffered)
        // The memory goes back too: who stalls here holds none.
        (buffer, buffered) = ([], 0)
    }

    private func write(_ piece: [UInt8]) throws(ScoringError) {
        piece.withUnsafeBytes { digest.update($0) }
        var done = 0
        while done < piece.count {
            let count = piece.withUnsafeBytes { bytes in
                Platform.write(opening.descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw Self.told(.fromErrno(errno, "write", opening.path ?? "a file without a name"))
            }
            done += count
        }
    }

    private static func told(_ error: FileError) -> ScoringError {
        .store(error.isOfFullDisk ? .diskFull(error.description) : .unavailable(error.description))
    }
}

/// A video on the shelf, for as long as a request needs it.
package final class ShelvedVideo: Sendable {
    let input: VideoInput
    private let shelf: VideoShelf

    fileprivate init(_ input: VideoInput, on shelf: VideoShelf) { (self.input, self.shelf) = (input, shelf) }

    deinit { shelf.release(input.token) }
}

/// Why a video is not taken.
package enum VideoRefusal: Sendable, Equatable {
    /// None is taken here; a sentence says why, and what to do.
    case notTaken(String)
    /// The model can't make features of frames.
    case noTower(model: String)
    /// It has more bytes than are taken.
    case tooLarge(limit: Int)
    /// The client has as much of the disk's room as one may have.
    case overShare(held: Int, limit: Int)
    /// It is none, or none that can be decoded.
    case unfit(String)

    /// One sentence for whoever sent it.
    package var description: String {
        switch self {
        case .notTaken(let reason): "This server takes no videos: \(reason)."
        case .noTower(let model):
            "The model '\(model)' has no image tower, which makes features of a video's frames: an operator imports its "
                + "checkpoint by vigil import with --keep-image-tower; or name another model by model=, or send features."
        case .tooLarge(let limit):
            "The video is larger than the \(ByteCount(limit)) that are taken, which an operator raises by --max-video."
        case .overShare(let held, let limit):
            "This client's videos that wait and come take \(ByteCount(held)) of the \(ByteCount(limit)) of the disk that one may "
                + "have: there is room once some of them are scored."
        case .unfit(let reason): "The video can't be scored: \(reason)."
        }
    }
}
