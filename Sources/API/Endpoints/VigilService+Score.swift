import Engine
import HTTP
import HTTPTypes
import JSON
import Jobs
import Scoring

/// `POST /score`.
extension VigilService {
    /// Queues the features of a request; everything that can refuse it without its body does so before it is read.
    func score(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        var spans = UploadSpans(settings.tracer, request.trace)
        let given = Self.parameters(of: request.head)
        // The same versions for all of the request, though others may come meanwhile.
        var (options, versions) = try await scoring.options(given)
        let key = try IdempotencyField.read(request.head.fields)
        let kind = try Self.body(of: request.head, takesVideos: scoring.videos != nil)
        if options.validateOnly {
            try checkTakesJSON(request.head, "A report")
        } else {
            _ = try form(of: request.head)
        }
        let (caller, body) = (try caller(of: request), request.body)
        let reservation = try await scoring.reserve(
            bytes: try await reserved(for: body.declaredLength ?? 0, kind),
            elsewhere: Self.isVideo(kind) ? body.declaredLength ?? 0 : 0, place: !options.validateOnly,
            mayBeKnown: key != nil, caller: caller,
            interrupt: { body.giveUp() })
        defer { reservation.cancel() }
        await reservation.ready()
        let upload = try await scoring.read(
            body, declaredLength: body.declaredLength, as: kind, for: versions[0],
            caller: caller, models: options.validateOnly ? 0 : versions.count, reservation: reservation)
        if !upload.parameters.isEmpty {
            if let twice = OptionError.twice(given, upload.parameters) { throw Problem.option(twice) }
            let all = given + upload.parameters
            if upload.parameters.contains(where: { ["model", "compare"].contains($0.name) }) {
                (options, versions) = try await scoring.options(all)
            } else {
                options = try scoring.options(all, of: versions)
            }
        }
        if upload.isOfVideos {
            return try await scoreVideos(
                upload, options, versions, (caller, key), request, note, using: reservation, &spans)
        }
        if options.validateOnly || upload.isBatch || versions.count > 1 {
            try checkTakesJSON(request.head, options.validateOnly ? "A report" : "A batch")
        }
        if upload.isBatch, options.compare != nil {
            throw Problem.option(OptionError(name: "compare", problem: "given for several matrices: expected one"))
        }
        let matrices = try await scoring.accept(upload, options, for: versions[0])
        spans?.decoded(body, matrices: matrices.count)
        if options.validateOnly {
            var answer = report(on: matrices, isBatch: upload.isBatch)
            // Nobody has to wait for it, but a wish that can't be read is told as elsewhere.
            _ = preferredWait(of: request.head, &answer.fields)
            return answer
        }
        let receipt = try await scoring.submit(
            matrices, isBatch: upload.isBatch, options, caller: caller, key: key,
            trace: Self.trace(of: request, options),
            for: versions, using: reservation)
        spans?.submitted(jobs: receipt.jobs.count)
        try await note?.record(.submit, receipt.jobs, status: .accepted, outcome: receipt.origin.word)
        if options.compare != nil { return try await answerCompared(receipt, to: request, note) }
        return try await answer(receipt, to: request, note)
    }

    /// Bytes of memory that room is kept for before a body is read: of a video none. A form larger than features may be has to be of
    /// videos, which its first part shows; any other such body is refused at once.
    private func reserved(for bytes: Int, _ kind: UploadBody) async throws -> Int {
        guard let videos = scoring.videos else { return bytes }
        if case .video = kind { return 0 }
        let limit = scoring.settings.maxBodyBytes
        guard bytes > limit else { return bytes }
        guard case .form = kind, await videos.areTaken() else { throw BodyError.tooLarge(limit: limit) }
        return 0
    }

    private static func isVideo(_ body: UploadBody) -> Bool { if case .video = body { true } else { false } }

    /// What is kept of a request's trace with its jobs: where somebody looks for it, or is called back.
    static func trace(of request: Request, _ options: ScoreOptions) -> String? {
        guard let trace = request.trace, trace.shownID != nil || options.callback != nil else { return nil }
        return trace.context.text
    }

    /// The parameters of a query, and the one that can be given as a field too.
    static func parameters(of head: RequestHead) -> [Parameter] {
        head.query.map { Parameter(of: $0) }
            + (head.fields[.deadline].map { [Parameter("deadline", .text($0))] } ?? [])
    }

    /// What a request's head says of its body; throws 415 for what isn't taken.
    static func body(of head: RequestHead, takesVideos: Bool = false) throws(HTTPProblem) -> UploadBody {
        guard let text = head.fields[.contentType], !text.isEmpty else { return .file(.bytes) }
        guard let type = MediaType(text) else { throw refusal(of: text, takesVideos) }
        if let format = UploadFormat.typed(type.essence) { return .file(format) }
        switch type.essence {
        case "application/x-www-form-urlencoded": return .file(.unlabelled)
        case "multipart/form-data":
            guard let boundary = type["boundary"] else {
                throw Problem.unreadable("The multipart body's Content-Type has no boundary.")
            }
            return .form { try MultipartForm(boundary: boundary, maxFiles: $0) }
        default:
            guard takesVideos, type.essence.begins(with: "video/") else { throw refusal(of: text, takesVideos) }
            return .video
        }
    }

    private static func refusal(of type: String, _ takesVideos: Bool) -> HTTPProblem {
        let taken = takesVideos ? UploadFormat.takenWithVideos : UploadFormat.taken
        return Problem.mediaType(
            "Content-Type '\(type.prefix(80))' is not taken: expected one of \(taken)",
            fields: HTTPField.Name("Accept-Post").map { [$0: taken] } ?? [:])
    }

    private func report(on matrices: [AcceptedMatrix], isBatch: Bool) -> Response {
        guard isBatch || matrices.count != 1 else { return .json(FeatureReportDocument(matrices[0].report).json) }
        let body = JSONWriter.document { json in
            json.object { json in
                json.key("reports")
                json.array(matrices[...]) { json, matrix in
                    FeatureReportDocument(matrix.report).write(to: &json, name: matrix.name)
                }
            }
        }
        return .json(body)
    }
}

/// `multipart/form-data`, taken apart for whoever knows no media types.
package struct MultipartForm: FormParser {
    private var parser: MultipartParser

    /// - Parameter maxFiles: how many files it may have; options are parts too.
    package init(boundary: String, maxFiles: Int) throws(MultipartError) {
        var limits = MultipartLimits()
        limits.maxParts += maxFiles
        parser = try MultipartParser(boundary: boundary, limits: limits)
    }

    package mutating func consume(_ piece: [UInt8]) throws -> [FormEvent] {
        try parser.consume(piece).map { event in
            switch event {
            case .partBegan(let part):
                .partBegan(FormPart(name: part.name, filename: part.filename, type: part.contentType?.essence))
            case .data(let bytes): .data(bytes)
            case .partEnded: .partEnded
            }
        }
    }

    package mutating func finish() throws { try parser.finish() }
}

extension HTTPField.Name {
    static let prefer = HTTPField.Name("Prefer") ?? .accept
    static let preferenceApplied = HTTPField.Name("Preference-Applied") ?? .accept
    static let serverTiming = HTTPField.Name("Server-Timing") ?? .accept
}

extension Response {
    /// An answer in JSON.
    static func json(
        _ bytes: [UInt8], status: HTTPResponse.Status = .ok, fields: HTTPFields = [:]
    ) -> Response {
        var fields = fields
        fields[.contentType] = "application/json"
        return Response(status: status, fields: fields, body: .bytes(bytes))
    }
}

/// The client's own name for a request (draft-ietf-httpapi-idempotency-key-header).
enum IdempotencyField {
    /// Bytes that a key may have.
    private static let mostBytes = 255

    /// The key, nil where there is none: a string of structured fields, or, as many clients send it, without quotes.
    static func read(_ fields: HeaderFields) throws(HTTPProblem) -> String? {
        let lines = fields.values(for: .idempotencyKey)
        guard let text = lines.first else { return nil }
        guard lines.count == 1 else { throw problem("it is there \(lines.count) times; expected once") }
        let key = text.first == "\"" ? try unquoted(text) : text
        guard !key.isEmpty, key.utf8.count <= mostBytes else {
            throw problem("it has \(key.utf8.count) bytes; expected 1 to \(mostBytes)")
        }
        guard key.utf8.allSatisfy({ (0x21...0x7e).contains($0) || $0 == 0x20 }) else {
            throw problem("there is something else in it than visible ASCII")
        }
        return key
    }

    /// What stands between the quotes, where a backslash takes the next quote or backslash as it is (RFC 9651, 3.3.3).
    private static func unquoted(_ text: String) throws(HTTPProblem) -> String {
        var key: [UInt8] = []
        var isEscaped = false
        var rest = text.utf8.dropFirst()
        while let byte = rest.popFirst() {
            if isEscaped {
                guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { break }
                key.append(byte)
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                guard rest.isEmpty else { break }
                return String(decoding: key, as: UTF8.self)
            } else {
                key.append(byte)
            }
        }
        throw problem("it is no string in quotes")
    }

    private static func problem(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .badRequest, slug: "invalid-idempotency-key", title: "The idempotency key can't be taken",
            detail: "Idempotency-Key: \(detail).")
    }
}

extension HTTPField.Name {
    static let idempotencyKey = HTTPField.Name("Idempotency-Key") ?? .accept
    static let idempotencyReplayed = HTTPField.Name("Idempotency-Replayed") ?? .accept
    static let deadline = HTTPField.Name("Vigil-Deadline") ?? .accept
}

extension Receipt.Origin {
    /// What became of a submission, in a word.
    var word: String {
        switch self {
        case .new: "accepted"
        case .replayed: "replayed"
        case .reused: "reused"
        }
    }
}
