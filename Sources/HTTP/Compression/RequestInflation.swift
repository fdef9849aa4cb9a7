/// Inflates bodies that are sent with a Content-Encoding, as their handler reads them.
///
/// Another coding than gzip and deflate is answered with 415 before the body is asked for. An inflated body has the
/// route's limit, just as the compressed one.
public struct RequestInflation: Middleware {
    /// The defaults.
    public init() {}

    /// See `Middleware`.
    public func answer(_ request: Request, on route: Route, by handler: Handler.Deferred) async throws -> Response {
        guard let limit = route.bodyLimit, let coding = try ContentCoding.ofBody(request.head.fields) else {
            return try await handler(request)
        }
        var request = request
        request.body = request.body.inflated(coding, limits: InflationLimits(maxBytes: limit))
        return try await handler(request)
    }
}
