import Engine
import Formats
import Jobs
import Video

/// Takes a form's body apart, in whatever way it was put together.
package protocol FormParser {
    /// Takes the next piece in.
    mutating func consume(_ piece: [UInt8]) throws -> [FormEvent]
    /// Says that the body is complete.
    mutating func finish() throws
}

/// What a form consists of, in order.
package enum FormEvent: Sendable, Equatable {
    /// A part begins.
    case partBegan(FormPart)
    /// A piece of the part's content, never empty.
    case data([UInt8])
    /// The part's content is complete.
    case partEnded
}

/// What a form says of a part.
package struct FormPart: Sendable, Equatable {
    /// The name of the form's field.
    let name: String
    /// The name of the file on the client's side, as it was sent.
    let filename: String?
    /// The media type of the content; nil where it is not said.
    let type: String?

    /// A part of this field.
    package init(name: String, filename: String?, type: String?) {
        self.name = name
        self.filename = filename
        self.type = type
    }
}

/// What an upload's body is.
package enum UploadBody: Sendable {
    /// One file.
    case file(UploadFormat)
    /// A video.
    case video
    /// A form, to be taken apart by what the closure makes; it is told how many files there may be.
    case form(@Sendable (_ maxFiles: Int) throws -> any FormParser)
}

/// Who takes the videos of an upload, and for which model.
struct VideoOffer: Sendable {
    let intake: VideoIntake
    let version: ModelVersion
    /// Who sends them.
    let client: String
    /// Whether the client may have all of the disk's room.
    let isSpared: Bool

    /// Room for a video that comes.
    func begin(expected: Int? = nil) async throws(ScoringError) -> VideoUpload {
        try await intake.begin(
            for: version, expected: expected, of: VideoShelf.Sender(client: client, isSpared: isSpared))
    }
}

/// Reads the body of an upload into matrices while it arrives.
struct UploadReader: Sendable {
    /// Bytes of a form field that is not the file.
    private static let maxFieldBytes = 64 << 10

    /// The model's width, for plain float32 rows.
    let width: Int
    /// What an upload may hold.
    let limits: ArrayLimits
    /// Bytes that a body of features may have; nil where whoever brings it sees to that.
    var maxBytes: Int?
    /// Who takes videos; nil where they are as other files that are no features.
    var videos: VideoOffer?

    /// Reads the whole body, for which `reservation` grows with what its numbers take, whatever was announced.
    ///
    /// - Parameters:
    ///   - pieces: the body in pieces, as they come
    ///   - declaredLength: how many bytes are said to come, where that is known and reserved
    func read<Pieces: AsyncSequence>(
        _ pieces: Pieces, declaredLength: Int?, as body: UploadBody, reservation: Reservation
    ) async throws(ScoringError) -> Upload where Pieces.Element == [UInt8] {
        do {
            switch body {
            case .file(let format):
                return try await readFile(pieces, format, expectedBytes: declaredLength, reservation)
            case .video:
                guard let videos else { throw ScoringError.video(.notTaken("nobody has set it up to")) }
                let upload = try await videos.begin(expected: declaredLength)
                return try await readVideo(pieces.makeAsyncIterator(), into: upload, reservation)
            case .form(let makeParser):
                return try await readForm(
                    pieces, try makeParser(limits.maxMatrices), expectedBytes: declaredLength ?? 0, reservation)
            }
        } catch {
            throw Self.told(reservation.isLost ? SubmitError.tooSlow : error)
        }
    }

    private func readFile<Pieces: AsyncSequence>(
        _ body: Pieces, _ format: UploadFormat, expectedBytes: Int?, _ reservation: Reservation
    ) async throws -> Upload where Pieces.Element == [UInt8] {
        var pieces = body.makeAsyncIterator()
        var front: [UInt8] = []
        if let videos, format.mayBeVideo {
            while front.count < VideoContainer.frontBytes, let piece = try await pieces.next() {
                front += piece
                try reservation.advance(by: piece.count, holding: front.count)
            }
            if VideoContainer(front: front) != nil {
                let upload = try await videos.begin(expected: expectedBytes)
                try await upload.take(front)
                return try await readVideo(pieces, into: upload, reservation)
            }
        }
        var matrices = UploadMatrices(limits: limits)
        var decoder = UploadDecoder(format: format, width: width, limits: limits, expectedBytes: expectedBytes)
        if !front.isEmpty { try decoder.feed(front) }
        var received = front.count
        while let piece = try await pieces.next() {
            received += piece.count
            try check(received)
            try decoder.feed(piece)
            try reservation.advance(by: piece.count, holding: decoder.heldBytes)
        }
        reservation.arrived()
        try await matrices.add(try decoder.finish(), as: .body, notes: [], reservation)
        return try matrices.upload()
    }

    private func readVideo<Iterator: AsyncIteratorProtocol>(
        _ pieces: Iterator, into upload: VideoUpload, _ reservation: Reservation
    ) async throws -> Upload where Iterator.Element == [UInt8] {
        var pieces = pieces
        while let piece = try await pieces.next() {
            try await upload.take(piece)
            try reservation.advance(by: piece.count, holding: 0)
        }
        reservation.arrived()
        return Upload(matrices: [], videos: [NamedVideo(video: try await upload.finish())])
    }

    /// Throws where so many bytes are more than a body of features may have.
    private func check(_ received: Int) throws(ArrayDecodingError) {
        guard let maxBytes, received > maxBytes else { return }
        throw ArrayDecodingError(.tooLarge, "the body has more than the \(maxBytes) bytes that features may have")
    }

    private func readForm<Pieces: AsyncSequence>(
        _ body: Pieces, _ parser: any FormParser, expectedBytes: Int, _ reservation: Reservation
    ) async throws -> Upload where Pieces.Element == [UInt8] {
        var reading = FormReading(
            form: FormReader(
                width: width, limits: limits, maxFieldBytes: Self.maxFieldBytes, maxBytes: maxBytes,
                expectedBytes: expectedBytes, videos: videos),
            parser: parser, reservation: reservation)
        var pieces = body.makeAsyncIterator()
        while let piece = try await pieces.next() { try await reading.take(piece) }
        return try reading.finish()
    }

    static func told(_ error: any Error) -> ScoringError {
        switch error {
        case let error as ScoringError: error
        case let error as SubmitError: .refused(error)
        case let error as ArrayDecodingError: .content(error)
        default: .source(error)
        }
    }
}

/// A form on its way, apart from where its pieces come from: with both in one function Swift 6.3's optimiser crashes.
private struct FormReading {
    var form: FormReader
    var parser: any FormParser
    let reservation: Reservation

    @inline(never)
    mutating func take(_ piece: [UInt8]) async throws {
        for event in try parser.consume(piece) { try await form.take(event, reservation) }
        try reservation.advance(by: piece.count, holding: form.heldBytes)
    }

    @inline(never)
    mutating func finish() throws -> Upload {
        reservation.arrived()
        try parser.finish()
        return try form.finish()
    }
}
