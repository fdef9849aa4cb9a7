import TestSupport
import Testing

@testable import HTTP

@Suite("request bodies between threads")
struct BodyTests {
    @Test("pieces come in order and then the end")
    func order() async throws {
        let mailbox = BodyMailbox(capacity: 1000) { _ in }
        #expect(mailbox.put([1]))
        #expect(mailbox.put([2, 3]))
        mailbox.end(.success(()))
        var pieces: [[UInt8]] = []
        for try await piece in RequestBody(mailbox, declaredLength: nil) { pieces.append(piece) }
        #expect(pieces == [[1], [2, 3]])
    }

    @Test("a full mailbox says so, and once it is emptied it signals")
    func backpressure() async throws {
        let (signals, sender) = AsyncStream<BodyMailbox.Signal>.makeStream()
        let mailbox = BodyMailbox(capacity: 200) { sender.yield($0) }
        #expect(mailbox.put([1]))
        #expect(!mailbox.put([UInt8](repeating: 2, count: 200)))
        var iterator = RequestBody(mailbox, declaredLength: nil).makeAsyncIterator()
        #expect(try await iterator.next() == [1])
        sender.finish()
        var seen: [BodyMailbox.Signal] = []
        for await signal in signals { seen.append(signal) }
        #expect(seen == [.wanted, .roomAgain])
    }

    @Test("a task that waits gets what was left, once it is woken", .timeLimit(.minutes(10)))
    func wake() async throws {
        let (signals, sender) = AsyncStream<BodyMailbox.Signal>.makeStream()
        let mailbox = BodyMailbox(capacity: 1000) { sender.yield($0) }
        let task = Task {
            var pieces: [[UInt8]] = []
            while pieces.count < 2, let more = try await mailbox.take() { pieces += more }
            return pieces
        }
        for await signal in signals where signal == .wanted { break }
        mailbox.wake()
        _ = mailbox.put([1])
        _ = mailbox.put([2])
        mailbox.wake()
        #expect(try await task.value == [[1], [2]])
    }

    @Test("a failure comes after what came before it")
    func failure() async throws {
        let mailbox = BodyMailbox(capacity: 1000) { _ in }
        _ = mailbox.put([1])
        mailbox.end(.failure(.timedOut))
        mailbox.end(.success(()))
        var iterator = RequestBody(mailbox, declaredLength: nil).makeAsyncIterator()
        #expect(try await iterator.next() == [1])
        await #expect(throws: BodyError.timedOut) { try await iterator.next() }
    }

    @Test("a task that waits is woken by its cancellation")
    func cancellation() async throws {
        let (signals, sender) = AsyncStream<BodyMailbox.Signal>.makeStream()
        let mailbox = BodyMailbox(capacity: 1000) { sender.yield($0) }
        let task = Task { try await mailbox.take() }
        for await signal in signals where signal == .wanted { break }
        task.cancel()
        await #expect(throws: BodyError.cancelled) { try await task.value }
    }

    @Test("collecting stops at its limit", arguments: [(3, true), (2, false)])
    func collect(limit: Int, fits: Bool) async throws {
        let mailbox = BodyMailbox(capacity: 1000) { _ in }
        _ = mailbox.put([1, 2])
        _ = mailbox.put([3])
        mailbox.end(.success(()))
        let body = RequestBody(mailbox, declaredLength: nil)
        if fits {
            #expect(try await body.collect(upTo: limit) == [1, 2, 3])
        } else {
            await #expect(throws: BodyError.tooLarge(limit: limit)) { try await body.collect(upTo: limit) }
        }
    }
    @Test("one that is given up fails for whoever waits for it, as one that came too slowly")
    func givenUp() async throws {
        let (signals, sender) = AsyncStream<BodyMailbox.Signal>.makeStream()
        let mailbox = BodyMailbox(capacity: 1000) { sender.yield($0) }
        let body = RequestBody(mailbox, declaredLength: 10)
        let task = Task { try await body.collect(upTo: 10) }
        for await signal in signals where signal == .wanted { break }
        body.giveUp()
        await #expect(throws: BodyError.timedOut) { try await task.value }
        let problem = HTTPProblem(BodyError.timedOut)
        #expect(problem.status == .requestTimeout && problem.slug == "request-timeout")
    }

    @Test("what came before it was given up is read, and one that is whole can't be given up")
    func givenUpLate() async throws {
        let mailbox = BodyMailbox(capacity: 1000) { _ in }
        _ = mailbox.put([1])
        let body = RequestBody(mailbox, declaredLength: 2)
        body.giveUp()
        mailbox.end(.success(()))
        var pieces = body.makeAsyncIterator()
        #expect(try await pieces.next() == [1])
        await #expect(throws: BodyError.timedOut) { try await pieces.next() }

        let whole = BodyMailbox(capacity: 1000) { _ in }
        _ = whole.put([1])
        whole.end(.success(()))
        for body in [RequestBody(whole, declaredLength: 1), RequestBody([1])] {
            body.giveUp()
            #expect(try await body.collect(upTo: 1) == [1])
        }
    }

    @Test("a request whose body is given up is answered with 408, and its connection ends")
    func givenUpOverHTTP() async throws {
        try await TestServer.run(routes: { router in
            router.post(
                "/slow", bodyLimit: 100,
                .deferred { request in
                    var pieces = request.body.makeAsyncIterator()
                    _ = try await pieces.next()
                    request.body.giveUp()
                    while try await pieces.next() != nil {}
                    return Response(status: .ok)
                })
        }) { server in
            let text = try await blocking {
                let client = try RawClient(port: server.port)
                try client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
                return try client.readToEnd()
            }
            #expect(text.hasPrefix("HTTP/1.1 408 ") && text.contains("\r\nConnection: close\r\n"))
        }
    }
}

@Suite("routes")
struct RouterTests {
    private static let router: Router = {
        var router = Router()
        let handler = Handler.immediate { _ in Response(status: .ok) }
        router.get("/jobs", handler)
        router.get("/jobs/{id}", handler)
        router.delete("/jobs/{id}", handler)
        router.get("/jobs/{id}/events", handler)
        router.post("/score", bodyLimit: 10, handler)
        return router
    }()

    @Test(
        "a path finds its route",
        arguments: [
            ("/jobs", "/jobs"), ("/jobs/a", "/jobs/{id}"), ("/jobs/a b", "/jobs/{id}"),
            ("/jobs/a/events", "/jobs/{id}/events"),
            ("/jobs/", nil), ("/jobs//events", nil), ("/jobs/a/", nil), ("/Jobs", nil), ("//jobs", nil),
            ("/score", nil),
        ] as [(String, String?)])
    func paths(path: String, pattern: String?) {
        var found: String?
        if case .route(let route, _) = Self.router.resolve(RequestHead(method: .get, path: path)) {
            found = route.pattern
        }
        #expect(found == pattern)
    }

    @Test("a path of fixed text fits its own bytes alone, not what Unicode calls equal")
    func pathsAreBytes() {
        var router = Router()
        router.get("/\u{212B}", .deferred { _ in Response(status: .ok) })
        guard case .refused(let problem, _) = router.resolve(RequestHead(method: .get, path: "/\u{C5}")) else {
            Issue.record("another path was found")
            return
        }
        #expect(problem.status == .notFound)
    }

    @Test("a parameter of a query is found by the bytes of its name")
    func queryIsBytes() {
        let items = QueryItems([.init(name: "\u{212A}", value: "sign"), .init(name: "K", value: "letter")])
        #expect(items["K"] == "letter" && items["\u{212A}"] == "sign")
    }

    @Test("HEAD uses the route of GET, and 405 lists what there is")
    func methods() {
        guard case .route = Self.router.resolve(RequestHead(method: .head, path: "/jobs")) else {
            Issue.record("HEAD found no route")
            return
        }
        guard case .refused(let problem, _) = Self.router.resolve(RequestHead(method: .put, path: "/jobs/a")) else {
            Issue.record("PUT was not refused")
            return
        }
        #expect(problem.status == .methodNotAllowed)
        #expect(problem.fields[.allow] == "DELETE, GET, HEAD, OPTIONS")
    }
}
