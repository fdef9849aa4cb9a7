/// Something that requests go through on their way to a deferred handler, and answers on their way back.
///
/// Immediate handlers are not wrapped: they run on the event loop, and their answers are small.
public protocol Middleware: Sendable {
    /// Answers in place of `handler`, mostly by calling it with the request or a changed one.
    func answer(_ request: Request, on route: Route, by handler: Handler.Deferred) async throws -> Response
}

extension Handler {
    /// A handler that runs as a task of its own.
    public typealias Deferred = @Sendable (Request) async throws -> Response

    /// The same handler behind `middleware`, the first one outermost.
    func behind(_ middleware: [any Middleware], on route: Route) -> Handler {
        middleware.reversed().reduce(self) { handler, middleware in
            guard case .deferred(let inner) = handler else { return handler }
            return .deferred { try await middleware.answer($0, on: route, by: inner) }
        }
    }
}
