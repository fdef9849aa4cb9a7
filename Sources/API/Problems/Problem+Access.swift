import HTTP
import HTTPTypes

extension Problem {
    static let noKey = unauthorized(
        "This service asks for an API key: send it as 'Authorization: Bearer KEY'.", challenge: "Bearer")

    static let unknownKey = unauthorized(
        "The API key in Authorization is not, or no longer, one of this service.",
        challenge: "Bearer error=\"invalid_token\"")

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
            fields: fields)
    }
}
