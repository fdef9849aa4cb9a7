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

    static func rateLimited(_ limit: RateLimit, _ fields: HTTPFields) -> HTTPProblem {
        HTTPProblem(
            status: .tooManyRequests, slug: "rate-limited", title: "Too many requests of one client",
            detail: "A client may make \(limit.perSecond) requests a second, after a pause \(limit.burst) at once: "
                + "ask again after Retry-After.",
            fields: fields)
    }
}
