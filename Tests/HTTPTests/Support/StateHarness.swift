import HTTPTypes
import Platform
import Tracing

@testable import HTTP

/// Plays the shell around a `ConnectionState`: no socket, no queue, and a clock that stands until it is told.
final class StateHarness {
    private(set) var state: ConnectionState
    private(set) var now = MonotonicTime(nanoseconds: 1_000_000_000)
    private(set) var calls: [(call: HandlerCall, exchange: Exchange?)] = []
    private(set) var body: [UInt8] = []
    private(set) var bodyError: BodyError?
    private(set) var bodyIsComplete = false
    private(set) var isHalfClosed = false
    private(set) var isClosed = false
    /// Everything that was sent.
    private(set) var sent = ""
    /// Whether deferred handlers are answered here as soon as their body is complete or has failed.
    private let answersDeferred: Bool

    init(
        limits: Limits = Limits(), answersDeferred: Bool = true, gate: RequestGate? = nil,
        refusalFields: RefusalFields? = nil,
        render: @escaping ProblemRenderer = { problem, _, _ in
            Response(status: problem.status, text: problem.slug)
        },
        observe: (@Sendable (ExchangeRecord) -> Void)? = nil, tracer: Tracer? = nil
    ) {
        self.answersDeferred = answersDeferred
        var configuration = ServerConfiguration()
        configuration.limits = limits
        let context = ServerContext(
            configuration: configuration, router: Self.router, renderProblem: render, gate: gate,
            refusalFields: refusalFields, observe: observe, tracer: tracer)
        state = ConnectionState(
            context: context, dateLine: DateLine { 784_111_777 }, idSeed: 1, now: now)
    }

    static let router: Router = {
        var router = Router()
        router.get("/", .immediate { _ in Response(status: .ok, text: "home") })
        router.get("/path/{name}", .immediate { Response(status: .ok, text: $0.pathParameters["name"] ?? "") })
        router.get(
            "/query", .immediate { Response(status: .ok, text: "\($0.head.query.map { "\($0.name)=\($0.value)" })") })
        router.get("/empty", .immediate { _ in Response(status: .noContent, body: .bytes([1, 2])) })
        router.get("/unchanged", .immediate { _ in Response(status: .notModified, body: .bytes([1, 2])) })
        router.get("/failing", .immediate { _ in throw CancellationError() })
        router.get("/later", .deferred { _ in Response(status: .ok) })
        router.post("/count", bodyLimit: 1000, .deferred { _ in Response(status: .ok) })
        return router
    }()

    var statuses: [Int] {
        sent.split(separator: "HTTP/1.1 ").compactMap { Int($0.prefix(3)) }.filter { $0 != 100 }
    }

    func feed(_ text: String) { feed(Array(text.utf8)) }

    /// Feeds pieces of at most `size` bytes.
    func feed(_ bytes: [UInt8], pieces size: Int = .max) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            receive(piece)
        }
    }

    private func receive(_ piece: [UInt8]) {
        guard !isClosed else { return }
        if state.backlog.isEmpty {
            let used = drive(piece.span)
            state.backlog.append(piece.span, from: used)
        } else {
            state.backlog.append(piece.span, from: 0)
        }
        settle()
    }

    func endInput() {
        if let action = state.endInput() { perform(action, [UInt8]().span) }
        settle()
    }

    func pass(_ duration: Duration) {
        now = now + duration
        if let action = state.tick(now: now) { perform(action, [UInt8]().span) }
        settle()
    }

    func answer(_ response: Response) {
        state.answer(response, now: now)
        settle()
    }

    /// Lets the test change the state, and carries out what follows.
    func change(_ step: (inout ConnectionState, MonotonicTime) -> ConnectionState.Action?) {
        if let action = step(&state, now) { perform(action, [UInt8]().span) }
        settle()
    }

    private func settle() {
        repeat {
            let (bytes, start) = state.backlog.take()
            let used = drive(bytes.span.extracting(start...))
            state.backlog.restore(bytes, from: start + used)
            flush()
        } while state.canGoOn && !isClosed
    }

    private func flush() {
        while !state.output.isEmpty {
            let (text, count) = state.output.withSegments(limit: 4) { segments, skipped in
                let bytes = Array(segments.joined().dropFirst(skipped))
                return (String(decoding: bytes, as: UTF8.self), bytes.count)
            }
            sent += text
            state.sent(count, now: now)
        }
        if let action = state.afterSending(now: now) { perform(action, [UInt8]().span) }
    }

    private func drive(_ input: Span<UInt8>) -> Int {
        var position = 0
        while !isClosed, let action = state.advance(input, at: &position, now: now) { perform(action, input) }
        return position
    }

    private func perform(_ action: ConnectionState.Action, _ input: Span<UInt8>) {
        switch action {
        case .start(let call): start(call)
        case .body(let range): for index in range { body.append(input[index]) }
        case .endBody:
            bodyIsComplete = true
            if answersDeferred { state.answer(Response(status: .ok, text: "\(body.count) bytes"), now: now) }
        case .failBody(let error):
            bodyError = error
            if answersDeferred { state.answer(HTTPProblem(error), now: now) }
        case .halfClose: isHalfClosed = true
        case .close, .distrust: isClosed = true
        }
    }

    private func start(_ call: HandlerCall) {
        calls.append((call, state.exchange))
        body = []
        bodyIsComplete = false
        switch call.route.handler {
        case .immediate(let handler):
            let request = Request(head: call.head, id: state.exchange?.requestID ?? "", pathParameters: call.parameters)
            do {
                state.answer(try handler(request), now: now)
            } catch {
                state.answer(HTTPProblem(handlerError: error), now: now)
            }
        case .deferred:
            if answersDeferred, !call.takesBody { state.answer(Response(status: .ok, text: "later"), now: now) }
        }
    }
}
