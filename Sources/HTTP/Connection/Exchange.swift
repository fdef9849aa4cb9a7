public import HTTPTypes
import Platform
public import Tracing

/// One request and its answer, while they are under way: an object, since a copy of so many parts costs more than all that is
/// asked of them. It is its connection's alone.
final class Exchange {
    /// What is done with the bytes of the body.
    enum BodyUse {
        /// They go to the handler, up to the limit.
        case deliver(limit: Int)
        /// They are dropped, and then comes the next step.
        case discard(then: NextStep)
        /// All of it has come.
        case complete
        /// Its end can't be found, or is not waited for; the connection closes after the answer.
        case abandoned
    }

    /// What waits for the body to have passed.
    enum NextStep {
        case nothing
        case start(HandlerCall)
        case answer(Response)
    }

    enum BodyDecoder {
        case length(remaining: Int)
        case chunked(ChunkedBodyParser)
    }

    enum Answer {
        case awaited
        case streaming(ResponseFraming, written: Int)
        case complete
    }

    let method: HTTPRequest.Method?
    let requestID: String
    let version: HTTPVersion
    let began: MonotonicTime
    /// Whom the request came from, as `Request.clientAddress`.
    var address = SocketAddress.unknown
    /// Its place in a trace, where it has one.
    var trace: RequestTrace?
    var route: String?
    /// The path; nil where the head could not be read.
    var path: String?
    /// What the gate has said.
    var admission: Admission?
    /// Whether another request may follow on the connection.
    var persists: Bool
    /// Whether the client waits for 100 Continue.
    var awaitsContinue = false
    var decoder = BodyDecoder.length(remaining: 0)
    var bodyUse = BodyUse.complete
    /// Bytes of the body that came, and those of them that were dropped.
    var bodyBytes = 0
    var discardedBytes = 0
    var answerBytes = 0
    var isBodyPaused = false
    var answer = Answer.awaited
    /// What was wrong, where the answer says that, and what was short.
    var problem: String?
    var shortage: String?
    var status = HTTPResponse.Status.ok

    init(
        method: HTTPRequest.Method?, requestID: String, version: HTTPVersion, began: MonotonicTime, persists: Bool
    ) {
        self.method = method
        self.requestID = requestID
        self.version = version
        self.began = began
        self.persists = persists
    }

    /// Whether an answer could still be sent in place of another.
    var awaitsAnswer: Bool {
        if case .awaited = answer { true } else { false }
    }

    var isAnswered: Bool {
        if case .complete = answer { true } else { false }
    }

    /// Whether bytes of the body are still expected and wanted.
    var isReadingBody: Bool {
        switch bodyUse {
        case .deliver, .discard: true
        case .complete, .abandoned: false
        }
    }

    /// Whether the body's rest is short enough, as far as is known, to be read for the sake of the connection.
    func canDrain(limit: Int) -> Bool {
        switch (bodyUse, decoder) {
        case (.complete, _): true
        case (.abandoned, _): false
        case (_, .length(let remaining)): !awaitsContinue && remaining <= limit
        case (_, .chunked): !awaitsContinue
        }
    }
}

/// A handler that is to be run for the request in hand. What else there is of that is its exchange's.
struct HandlerCall {
    let route: Route
    let head: RequestHead
    let parameters: PathParameters
    /// Whether the handler reads the body while it comes.
    let takesBody: Bool
}

/// A request and its answer in numbers, for metrics and access logs.
public struct ExchangeRecord: Sendable {
    /// Whom the request came from, as `Request.clientAddress`.
    public let address: SocketAddress
    /// Whom the request counts for; nil where it was refused before that was known.
    public let client: ClientIdentity?
    /// The method; nil where the head could not be read.
    public let method: HTTPRequest.Method?
    /// The pattern of the route, nil where none was found.
    public let route: String?
    /// The path, as `RequestHead.path`; nil where the head could not be read.
    public let path: String?
    /// The request's id.
    public let requestID: String
    /// The request's place in a trace; nil where it has none.
    public let trace: RequestTrace?
    /// The status of the answer; nil where the connection ended before there was one.
    public let status: HTTPResponse.Status?
    /// The slug of the problem that the answer is; nil where it is none.
    public let problem: String?
    /// What was short, as ``HTTPProblem/shortage``.
    public let shortage: String?
    /// Whether all of the answer was made; false where the connection ended before.
    public let isComplete: Bool
    /// From the head's last byte to the answer's last, as handed to the kernel's or our own buffer.
    public let duration: Duration
    /// Bytes of the request's body that came.
    public let bodyBytes: Int
    /// Bytes of the answer's body, without their framing.
    public let answerBytes: Int
}

extension ExchangeRecord {
    /// The name of the request's trace, in hexadecimal, where that is recorded.
    public var traceID: String? {
        guard let context = trace?.context, context.isSampled else { return nil }
        return context.traceID.description
    }
}
