import HTTP
import HTTPTypes

/// Preconditions on what has no tag: there is something, and no tag names it.
struct TaglessPreconditions: Middleware {
    func answer(_ request: Request, on route: Route, by handler: Handler.Deferred) async throws -> Response {
        let response = try await handler(request)
        let method = request.head.method
        let preconditions = Preconditions(request.head.fields)
        guard !preconditions.isEmpty, method == .get || method == .head, response.status == .ok,
            response.fields[.eTag] == nil
        else { return response }
        guard try preconditions.check(method, on: []) else { return response }
        var fields = response.fields
        fields[.contentType] = nil
        return Response(status: .notModified, fields: fields)
    }
}
