import HTTPTypes
import TestSupport

@testable import HTTP

extension TestServer {
    /// Starts a server with a few routes, and those of the test, runs `body` against it, and shuts it down.
    static func run(
        _ configure: (inout ServerConfiguration) -> Void = { _ in }, routes: (inout Router) -> Void = { _ in },
        _ body: (TestServer) async throws -> Void
    ) async throws {
        var router = Self.router
        routes(&router)
        try await run(router: router, configure, body)
    }

    private static let router: Router = {
        var router = Router()
        router.get("/", .immediate { _ in Response(status: .ok, text: "home") })
        router.get("/async/{n}", .deferred { Response(status: .ok, text: "async \($0.pathParameters["n"] ?? "")") })
        router.post(
            "/count", bodyLimit: 8 << 20,
            .deferred { request in
                var count = 0
                for try await piece in request.body { count += piece.count }
                return Response(status: .ok, text: "\(count) bytes")
            })
        router.post(
            "/early", bodyLimit: 1 << 30, .deferred { _ in Response(status: .unprocessableContent, text: "early") })
        return router
    }()
}

/// Lets a test hold a handler, and wait for it, without sleeping.
actor Gate {
    private var isOpen = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    func open() {
        isOpen = true
        for waiter in waiters { waiter.resume() }
        waiters = []
    }

    func wait() async {
        if isOpen { return }
        await withCheckedContinuation { waiters.append($0) }
    }
}
