public import HTTPTypes
import Platform

/// A request that is answered with an error: every refusal of the HTTP layer, and what handlers throw to refuse.
public struct HTTPProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// The status of the answer.
    public var status: HTTPResponse.Status
    /// A short stable name for programs, such as `malformed-request`.
    public var slug: String
    /// What this kind of problem is, in a few words.
    public var title: String
    /// What was wrong this time, in one plain sentence.
    public var detail: String
    /// Fields that go with the answer, such as `Allow` or `Retry-After`.
    public var fields: HTTPFields
    /// What brought it about, for the log alone: it may tell of paths and other things that are the server's own.
    public var cause: String?
    /// What was short, by a short stable name, where the request would be taken at another time; nil of other problems.
    public var shortage: String?

    /// A problem of any kind.
    public init(
        status: HTTPResponse.Status, slug: String, title: String, detail: String, fields: HTTPFields = [:],
        cause: String? = nil, shortage: String? = nil
    ) {
        self.status = status
        self.slug = slug
        self.title = title
        self.detail = detail
        self.fields = fields
        self.cause = cause
        self.shortage = shortage
    }

    /// The status, the title and the detail on one line.
    public var description: String { "\(status.code) \(title): \(detail)" }
}

extension HTTPProblem {
    static func malformed(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .badRequest, slug: "malformed-request", title: "The request is not valid HTTP", detail: detail)
    }

    static func invalidTarget(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .badRequest, slug: "invalid-target", title: "The request target is not valid", detail: detail)
    }

    static func notFound(_ path: String, hint: String? = nil) -> HTTPProblem {
        HTTPProblem(
            status: .notFound, slug: "not-found", title: "There is nothing at this path",
            detail: "No resource is known at \(path)." + (hint.map { " \($0)" } ?? ""))
    }

    static func methodNotAllowed(_ method: HTTPRequest.Method, path: String, allow: String) -> HTTPProblem {
        HTTPProblem(
            status: .methodNotAllowed, slug: "method-not-allowed", title: "The method does not fit this path",
            detail: "\(path) takes \(allow), not \(method == .head ? "GET" : method.rawValue).", fields: [.allow: allow]
        )
    }

    /// A precondition of the request does not hold, so that it is not performed (RFC 9110, 15.5.13).
    public static func preconditionFailed(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .preconditionFailed, slug: "precondition-failed", title: "A precondition does not hold",
            detail: detail)
    }

    static func requestTimeout(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .requestTimeout, slug: "request-timeout", title: "The request came too slowly", detail: detail)
    }

    static func contentTooLarge(limit: Int, hint: String? = nil, shortage: String? = nil) -> HTTPProblem {
        HTTPProblem(
            status: .contentTooLarge, slug: "content-too-large", title: "The body is too large",
            detail: "This path takes a body of at most \(ByteCount(limit)), as it is sent and once it is inflated."
                + (hint.map { " \($0)" } ?? ""), shortage: shortage)
    }

    static func tooCompressed(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .contentTooLarge, slug: "content-too-large", title: "The body is too large", detail: detail)
    }

    static func unreadableBody(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .badRequest, slug: "unreadable-body", title: "The body can't be read", detail: detail)
    }

    static func codingNotTaken(_ codings: String) -> HTTPProblem {
        HTTPProblem(
            status: .unsupportedMediaType, slug: "unsupported-media-type", title: "The body's type is not taken",
            detail: "Content-Encoding '\(codings.prefix(60))' is not taken: expected one of \(ContentCoding.taken).",
            fields: [.acceptEncoding: ContentCoding.taken])
    }

    static func noCodingAcceptable(_ wanted: String) -> HTTPProblem {
        HTTPProblem(
            status: .notAcceptable, slug: "not-acceptable", title: "No form of the answer is acceptable",
            detail: "Accept-Encoding '\(wanted.prefix(60))' leaves none of \(ContentCoding.taken) and identity.")
    }

    static func targetTooLong(limit: Int) -> HTTPProblem {
        HTTPProblem(
            status: .uriTooLong, slug: "target-too-long", title: "The request target is too long",
            detail: "A target has at most \(limit) bytes.")
    }

    static func expectationFailed(_ value: String) -> HTTPProblem {
        HTTPProblem(
            status: .expectationFailed, slug: "expectation-failed", title: "The expectation is not known",
            detail: "Only 100-continue can be expected, not \(value).")
    }

    static func headerTooLarge(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .requestHeaderFieldsTooLarge, slug: "header-section-too-large",
            title: "The header section is too large", detail: detail)
    }

    static let internalError = HTTPProblem(
        status: .internalServerError, slug: "internal-error", title: "The server failed",
        detail: "The request could not be answered because of a fault in the server.")

    static func methodNotImplemented(_ method: String) -> HTTPProblem {
        HTTPProblem(
            status: .notImplemented, slug: "method-not-implemented", title: "The method is not implemented",
            detail: "No path takes \(method).")
    }

    static func codingNotImplemented(_ coding: String) -> HTTPProblem {
        HTTPProblem(
            status: .notImplemented, slug: "transfer-coding-not-implemented",
            title: "The transfer coding is not implemented",
            detail: "Transfer-Encoding can be chunked alone; \(coding) is not known.")
    }

    static let tooManyConnections = HTTPProblem(
        status: .serviceUnavailable, slug: "too-many-connections", title: "The server has no room",
        detail: "All connections that the server may hold are in use; try again shortly.",
        fields: [.retryAfter: "1"], shortage: "connections")

    static let tooManyConnectionsOfAddress = HTTPProblem(
        status: .tooManyRequests, slug: "too-many-connections-of-client", title: "The client has too many connections",
        detail: "All connections that one address may hold are in use; close some, or try again shortly.",
        fields: [.retryAfter: "1"], shortage: "connections")

    static func versionNotSupported(_ version: String) -> HTTPProblem {
        HTTPProblem(
            status: .httpVersionNotSupported, slug: "version-not-supported",
            title: "The version of HTTP is not supported",
            detail: "This server speaks HTTP/1.1 and HTTP/1.0, not \(version).")
    }
}
