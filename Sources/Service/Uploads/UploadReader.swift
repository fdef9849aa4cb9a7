import Formats
import HTTP
import HTTPTypes
import Jobs

/// Reads the body of `POST /score` into matrices while it arrives.
struct UploadReader: Sendable {
    /// Bytes of a form field that is not the file.
    private static let maxFieldBytes = 64 << 10

    /// The model's width, for plain float32 rows.
    let width: Int
    /// What an upload may hold.
    let limits: ArrayLimits

    /// The format that a request's head announces; throws 415 for one that isn't taken.
    static func format(of head: RequestHead) throws(HTTPProblem) -> UploadFormat {
        guard let text = head.fields[.contentType], !text.isEmpty else { return .bytes }
        guard let type = MediaType(text) else { throw refusal(of: text) }
        if let format = UploadFormat.typed(type.essence) { return format }
        switch type.essence {
        case "application/x-www-form-urlencoded": return .unlabelled
        case "multipart/form-data":
            guard let boundary = type["boundary"] else {
                throw Problem.unreadable("The multipart body's Content-Type has no boundary.")
            }
            return .multipart(boundary: boundary)
        default: throw refusal(of: text)
        }
    }

    private static func refusal(of type: String) -> HTTPProblem {
        Problem.mediaType(
            "Content-Type '\(type.prefix(80))' is not taken: expected one of \(UploadFormat.taken)",
            fields: HTTPField.Name("Accept-Post").map { [$0: UploadFormat.taken] } ?? [:])
    }

    /// Reads the whole body, for which `reservation` grows with what its numbers take, whatever was announced.
    func read(
        _ body: RequestBody, as format: UploadFormat, reservation: Reservation
    ) async throws(HTTPProblem) -> Upload {
        if case .multipart(let boundary) = format {
            return try await readForm(body, boundary: boundary, reservation: reservation)
        }
        var matrices = UploadMatrices(limits: limits)
        var content = ContentDecoder(
            .body, format: format, width: width, limits: limits, expectedBytes: body.declaredLength)
        var pieces = body.makeAsyncIterator()
        do {
            while let piece = try await pieces.next() {
                try content.feed(piece)
                try reservation.advance(by: piece.count, holding: content.heldBytes)
            }
            reservation.arrived()
            try await content.finish(into: &matrices) { try reservation.grow(toBytes: $0) }
            return try matrices.upload()
        } catch {
            throw Self.problem(reservation.isLost ? SubmitError.tooSlow : error)
        }
    }

    private func readForm(
        _ body: RequestBody, boundary: String, reservation: Reservation
    ) async throws(HTTPProblem) -> Upload {
        var form = FormReader(width: width, limits: limits, maxFieldBytes: Self.maxFieldBytes)
        var pieces = body.makeAsyncIterator()
        do {
            var parser = try MultipartParser(boundary: boundary, limits: form.partLimits)
            while let piece = try await pieces.next() {
                for event in try parser.consume(piece) {
                    try await form.take(event) { try reservation.grow(toBytes: $0) }
                }
                try reservation.advance(by: piece.count, holding: form.heldBytes)
            }
            reservation.arrived()
            try parser.finish()
            return try form.finish()
        } catch {
            throw Self.problem(reservation.isLost ? SubmitError.tooSlow : error)
        }
    }

    private static func problem(_ error: any Error) -> HTTPProblem {
        switch error {
        case let problem as HTTPProblem: problem
        case let error as SubmitError: Problem.submit(error)
        case let error as BodyError: HTTPProblem(error)
        case let error as ArrayDecodingError: Problem.decoding(error)
        case let error as MultipartError: Problem.unreadable(error.description)
        default: Problem.unreadable("The body can't be read: \(error)")
        }
    }
}
