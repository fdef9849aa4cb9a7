import Engine
import Formats
import HTTP
import HTTPTypes
import JSON
import Jobs
import Platform
import Scoring
import Telemetry

/// Errors as `application/problem+json` (RFC 9457). The types are listed in openapi.yaml.
enum Problem {
    /// What the URI references of all types begin with.
    static let path = "/problems/"

    /// Where errors are told as the Open Inference Protocol does.
    private static let inferencePath = "/v2"

    /// Renders a problem as the answer to a request.
    ///
    /// - Parameter path: what was asked for, where that is known
    static func render(_ problem: HTTPProblem, requestID: String, path: String? = nil) -> Response {
        if let path, path.begins(with: inferencePath), path.hasBytes(of: inferencePath) || path.begins(with: "/v2/") {
            let body = JSONWriter.document { json in json.object { $0.member("error", problem.detail) } }
            return .json(body, status: problem.status, fields: problem.fields)
        }
        let body = JSONWriter.document { json in
            json.object { json in
                json.member("type", Self.path + problem.slug)
                json.member("title", problem.title)
                json.member("status", problem.status.code)
                json.member("detail", problem.detail)
                json.member("instance", requestID)
            }
        }
        var fields = problem.fields
        fields[.contentType] = "application/problem+json"
        return Response(status: problem.status, fields: fields, body: .bytes(body))
    }

    static func option(_ error: OptionError) -> HTTPProblem {
        HTTPProblem(
            status: .unprocessableContent, slug: "invalid-parameter", title: "A parameter can't be taken",
            detail: error.description)
    }

    /// What a typed error is over HTTP; nil for one that nobody has typed.
    static func of(_ error: any Error) -> HTTPProblem? {
        switch error {
        case let problem as HTTPProblem: problem
        case let error as ScoringError: of(error)
        case let error as BodyError: HTTPProblem(error)
        case let error as MultipartError: unreadable(error.description)
        default: nil
        }
    }

    static func of(_ error: ScoringError) -> HTTPProblem { of(error, choosingBy: "model=") }

    /// - Parameter way: what chooses another model, up to its name
    static func of(_ error: ScoringError, choosingBy way: String) -> HTTPProblem {
        switch error {
        case .parameter(let error): option(error)
        case .model:
            HTTPProblem(
                status: .notFound, slug: "unknown-model", title: "There is no such model", detail: error.description)
        case .change(let error): change(error)
        case .labels:
            HTTPProblem(
                status: .unprocessableContent, slug: "unfit-labels", title: "The labels can't be scored against",
                detail: error.description)
        case .features:
            HTTPProblem(
                status: .unprocessableContent, slug: "unfit-features", title: "The features can't be scored",
                detail: error.description(choosingBy: way))
        case .content(let error): decoding(error)
        case .form: unreadable(error.description)
        case .video(let refusal): video(refusal)
        case .source(let source): of(source) ?? unreadable(error.description)
        case .refused(let error): submit(error)
        case .store(let error): store(error)
        case .unknownJob:
            HTTPProblem(
                status: .notFound, slug: "unknown-job", title: "There is no such job", detail: error.description)
        case .noThumbnail:
            HTTPProblem(
                status: .notFound, slug: "no-thumbnail", title: "There is no such picture", detail: error.description)
        case .noFeatures(_, let isYetToCome) where isYetToCome:
            HTTPProblem(
                status: .conflict, slug: "features-not-ready", title: "The job's features are not all there yet",
                detail: error.description, fields: [.retryAfter: "5"])
        case .noFeatures:
            HTTPProblem(
                status: .notFound, slug: "no-features", title: "The job's features are not kept",
                detail: error.description)
        case .unknownBatch:
            HTTPProblem(
                status: .notFound, slug: "unknown-batch", title: "There is no such batch", detail: error.description)
        case .answersBusy: answersBusy
        }
    }

    private static func video(_ refusal: VideoRefusal) -> HTTPProblem {
        switch refusal {
        case .notTaken:
            HTTPProblem(
                status: .unsupportedMediaType, slug: "videos-not-taken", title: "No videos are taken here",
                detail: refusal.description)
        case .noTower:
            HTTPProblem(
                status: .unprocessableContent, slug: "no-image-tower", title: "The model can't score videos",
                detail: refusal.description)
        case .tooLarge:
            HTTPProblem(
                status: .contentTooLarge, slug: "content-too-large", title: "The body is too large",
                detail: refusal.description)
        case .overShare:
            HTTPProblem(
                status: .tooManyRequests, slug: "share-full", title: "The client has too many jobs queued",
                detail: refusal.description, fields: [.retryAfter: "60"], shortage: Family.Shortage.share.rawValue)
        case .unfit:
            HTTPProblem(
                status: .unprocessableContent, slug: "unfit-video", title: "The video can't be scored",
                detail: refusal.description)
        }
    }

    private static func change(_ error: ModelChangeError) -> HTTPProblem {
        switch error {
        case .unknownName, .noVersion:
            HTTPProblem(
                status: .notFound, slug: "unknown-model", title: "There is no such model", detail: error.description)
        case .badFile, .unusable:
            HTTPProblem(
                status: .unprocessableContent, slug: "unusable-model", title: "The model can't be served",
                detail: error.description)
        case .noEarlier, .isDefault, .isFixed:
            HTTPProblem(
                status: .conflict, slug: "model-stays", title: "What is served stays as it is",
                detail: error.description)
        }
    }

    private static func decoding(_ error: ArrayDecodingError) -> HTTPProblem {
        switch error.kind {
        case .tooLarge, .tooMany, .excessive:
            HTTPProblem(
                status: .contentTooLarge, slug: "content-too-large", title: "The body is too large",
                detail: error.description)
        case .unfit, .missing, .unsupported:
            HTTPProblem(
                status: .unprocessableContent, slug: "unfit-features", title: "The features can't be scored",
                detail: error.description)
        case .malformed, .truncated:
            HTTPProblem(
                status: .badRequest, slug: "unreadable-body", title: "The body can't be read",
                detail: error.description)
        }
    }

    static func unreadable(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .badRequest, slug: "unreadable-body", title: "The body can't be read", detail: detail)
    }

    static func mediaType(_ detail: String, fields: HTTPFields = [:]) -> HTTPProblem {
        HTTPProblem(
            status: .unsupportedMediaType, slug: "unsupported-media-type", title: "The body's type is not taken",
            detail: detail, fields: fields)
    }

    /// What the last event of a stream says whose job has gone before all of it was told.
    static func goneJob(_ id: JobID) -> JobFailure {
        JobFailure(
            reason: "unknown-job", detail: "Job \(id) was deleted, or has expired, before all its scores were told.")
    }

    static let answersBusy = HTTPProblem(
        status: .serviceUnavailable, slug: "answers-busy", title: "Too many large answers are being taken",
        detail: "Clients are still reading results of many megabytes: ask again shortly, or for application/x-npy.",
        fields: [.retryAfter: "2"], shortage: Family.Shortage.memory.rawValue)

    static func notAcceptable(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .notAcceptable, slug: "not-acceptable", title: "No form of the answer is acceptable",
            detail: detail)
    }

    static func submit(_ error: SubmitError) -> HTTPProblem {
        switch error {
        case .backlogFull(let seconds): full(error, seconds, .queue)
        case .bytesFull(let seconds): full(error, seconds, .bytes)
        case .shareFull(let seconds):
            HTTPProblem(
                status: .tooManyRequests, slug: "share-full", title: "The client has too many jobs queued",
                detail: error.description, fields: [.retryAfter: String(seconds)],
                shortage: Family.Shortage.share.rawValue)
        case .tooLarge, .tooMany, .beyondShare:
            HTTPProblem(
                status: .contentTooLarge, slug: "content-too-large", title: "The body is too large",
                detail: error.description)
        case .tooSlow:
            HTTPProblem(
                status: .requestTimeout, slug: "request-timeout", title: "The request came too slowly",
                detail: error.description, fields: [.retryAfter: "10"])
        case .draining:
            HTTPProblem(
                status: .serviceUnavailable, slug: "draining", title: "The service is shutting down",
                detail: error.description, fields: [.retryAfter: "5"], shortage: Family.Shortage.draining.rawValue)
        case .store(let error): store(error)
        }
    }

    private static func full(_ error: SubmitError, _ seconds: Int, _ shortage: Family.Shortage) -> HTTPProblem {
        HTTPProblem(
            status: .tooManyRequests, slug: "backlog-full", title: "The backlog is full", detail: error.description,
            fields: [.retryAfter: String(seconds)], shortage: shortage.rawValue)
    }

    static func store(_ error: JobStoreError) -> HTTPProblem {
        switch error {
        case .full, .diskFull:
            HTTPProblem(
                status: HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"), slug: "store-full",
                title: "The store is full", detail: error.told, fields: [.retryAfter: "60"], cause: error.cause,
                shortage: Family.Shortage.disk.rawValue)
        case .unavailable:
            HTTPProblem(
                status: .serviceUnavailable, slug: "store-unavailable", title: "The store is not available",
                detail: error.told, fields: [.retryAfter: "5"], cause: error.cause,
                shortage: Family.Shortage.store.rawValue)
        case .keyReused:
            HTTPProblem(
                status: .conflict, slug: "idempotency-key-reused",
                title: "The idempotency key came before with another request", detail: error.told)
        case .overQuota(let excess): quota(excess)
        case .damaged:
            HTTPProblem(
                status: .internalServerError, slug: "damaged-job", title: "The job is damaged",
                detail: error.told, cause: error.cause)
        }
    }
}

extension Problem {
    /// More than the key may hand in on a day; where no day has so much, waiting is of no use.
    private static func quota(_ excess: QuotaExcess) -> HTTPProblem {
        let detail = excess.sentence(of: excess.measure == .units ? "snippets" : excess.measure.rawValue)
        guard !excess.fitsNever else {
            return HTTPProblem(
                status: .contentTooLarge, slug: "content-too-large", title: "The body is too large", detail: detail)
        }
        return HTTPProblem(
            status: .tooManyRequests, slug: "quota-exceeded", title: "The key has had what it may a day",
            detail: detail,
            fields: [.retryAfter: String(excess.retryAfterSeconds)], shortage: Family.Shortage.quota.rawValue)
    }
}

/// Gives the errors of ``ScoringService`` the form that they have over HTTP.
struct ScoringProblems: Middleware {
    let bounds: UploadBounds

    func answer(_ request: Request, on route: Route, by handler: Handler.Deferred) async throws -> Response {
        do { return try await handler(request) } catch {
            guard var problem = Problem.of(error) else { throw error }
            if let hint = bounds.hint(on: error) { problem.detail = "\(problem.detail.sentence) \(hint)" }
            if problem.status == .contentTooLarge, bounds.isOfMemory(error) { problem.shortage = bounds.shortage }
            throw problem
        }
    }
}

extension String {
    /// With its full stop.
    fileprivate var sentence: String { ends(with: ".") ? self : self + "." }
}

extension Problem {
    /// - Parameter other: in what other form a key may have come
    static func noKey(seen other: String?) -> HTTPProblem {
        unauthorized(
            "This service asks for an API key: send it as 'Authorization: Bearer KEY'"
                + (other.map { "; \($0) is not taken" } ?? "") + ".", challenge: "Bearer")
    }

    static let unknownKey = unauthorized(
        "The API key in Authorization is not, or no longer, one of this service.",
        challenge: "Bearer error=\"invalid_token\"")

    static func expiredKey(_ name: String, _ time: WallTime) -> HTTPProblem {
        unauthorized(
            "The API key '\(name)' expired at \(time): ask an operator for another.",
            challenge: "Bearer error=\"invalid_token\"")
    }

    static let sessionEnded = unauthorized(
        "The session of the cookie has ended, or was none: sign in again.", challenge: "Bearer error=\"invalid_token\"")

    static let nothingToSignInTo = HTTPProblem(
        status: .notFound, slug: "not-found", title: "There is nothing at this path",
        detail: "This service asks for no API key, so that nobody signs in.")

    static func readerOnly(_ name: String) -> HTTPProblem {
        roleForbids("The API key '\(name)' is a reader's: it reads, and neither submits, deletes nor changes anything.")
    }

    static func adminOnly(_ name: String) -> HTTPProblem {
        roleForbids("The API key '\(name)' is no admin's: what is served to all is changed by admins alone.")
    }

    static let onlyFromHere = HTTPProblem(
        status: .forbidden, slug: "only-from-here", title: "This is done from the server's own machine alone",
        detail:
            "What is served is changed from this machine alone where there are no API keys: --api-keys names those who may "
            + "from elsewhere.")

    static func noMetrics(_ name: String) -> HTTPProblem {
        roleForbids(
            "The API key '\(name)' sees jobs of its owner alone, and metrics tell of all: expected an admin's, "
                + "or a reader's without owner=.")
    }

    private static func roleForbids(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .forbidden, slug: "role-forbids", title: "The key may not do this", detail: detail)
    }

    private static func unauthorized(_ detail: String, challenge: String) -> HTTPProblem {
        HTTPProblem(
            status: .unauthorized, slug: "unauthorized", title: "An API key is needed", detail: detail,
            fields: [.wwwAuthenticate: challenge])
    }

    static func unknownHost(_ name: String) -> HTTPProblem {
        HTTPProblem(
            status: .forbidden, slug: "host-not-allowed", title: "The server has another name",
            detail: "Host '\(name.prefix(80))' is no name of this server: expected one of loopback, such as "
                + "localhost, or one that --allowed-hosts names.")
    }

    static func foreignOrigin(_ head: RequestHead) -> HTTPProblem {
        let sender =
            head.fields[.origin].map { "a page of the origin '\($0.prefix(80))'" } ?? "a page of another site"
        return HTTPProblem(
            status: .forbidden, slug: "origin-not-allowed", title: "Pages of other sites may not send this",
            detail: "The request comes from \(sender): expected one of the server itself, or one that "
                + "--allowed-origins names.")
    }

    static func rateLimited(_ limit: RateLimit, _ fields: HTTPFields) -> HTTPProblem {
        HTTPProblem(
            status: .tooManyRequests, slug: "rate-limited", title: "Too many requests of one client",
            detail: "A client may make \(limit.perSecond) requests a second, after a pause \(limit.burst) at once: "
                + "ask again after Retry-After.",
            fields: fields, shortage: Family.Shortage.rate.rawValue)
    }
}
