import ArgumentParser
import HTTPClient
import JSON
import Platform

/// A server as one thread speaks to it: a request is tried again where that can help, and what comes is bounded.
final class Remote {
    /// What a result, and what any other answer has at most.
    static let largestResult = 512 << 20
    private static let largestDocument = 32 << 20
    /// What the network moves in a second at least, for an upload.
    private static let slowest = 32 << 10
    private static let shortest = Duration.seconds(90)
    /// What a server says by these may be otherwise when it is asked again.
    private static let passing: Set = [408, 429, 502, 503, 504]

    let choice: ServerChoice
    private let patience: Patience
    private let stop: StopFlag
    private var client: HTTPClient?
    private var isTold = false

    init(_ choice: ServerChoice, patience: Patience? = nil, stop: StopFlag) {
        self.choice = choice
        self.patience = patience ?? Patience(choice.patience)
        self.stop = stop
    }

    /// A request to this server, with the key.
    func request(_ method: String, _ path: String, fields: [(name: String, value: String)] = []) -> ClientRequest {
        ClientRequest(
            method, path, authority: choice.server.authority,
            fields: fields + [("User-Agent", "vigil")] + (choice.key.map { [$0] } ?? []))
    }

    /// Asks for something.
    ///
    /// - Parameters:
    ///   - seconds: how long the server may hold the answer
    ///   - isResult: whether what comes can be large
    func get(
        _ path: String, accept: String = "application/json", fields: [(name: String, value: String)] = [],
        holding seconds: Int = 0, isResult: Bool = false
    ) throws -> Answer {
        let message = request("GET", path, fields: [("Accept", accept)] + fields).bytes
        let patience = Self.shortest + .seconds(seconds)
        return try settled { client throws(ClientError) in
            guard isResult else {
                client.largestBody = Self.largestDocument
                return try client.exchange(message, by: deadline(patience))
            }
            return try large(message, patience, client)
        }
    }

    /// An answer that may take long to come: no longer than a slow network takes for the largest, and never silent for long.
    private func large(_ message: [UInt8], _ patience: Duration, _ client: HTTPClient) throws(ClientError) -> Answer {
        client.largestBody = Self.largestResult
        let end = deadline(patience + .seconds(Self.largestResult / Self.slowest))
        let head = try client.open(message, by: deadline(patience))
        var body: [UInt8] = []
        while let piece = try client.nextPiece(by: deadline(Self.shortest).earlier(end)) {
            guard body.count + piece.count <= Self.largestResult else {
                throw .malformed(.tooLarge(Self.largestResult))
            }
            body += piece
        }
        return Answer(head: head, body: body)
    }

    /// So long from now, or until the command is to end.
    func deadline(_ duration: Duration) -> Deadline { Deadline(in: duration, unless: { [stop] in stop.isSet }) }

    /// Has something removed or ended, which is the same however often it is asked for.
    func delete(_ path: String) throws -> Answer {
        let message = request("DELETE", path, fields: [("Accept", "application/json")]).bytes
        return try settled { client throws(ClientError) in
            client.largestBody = Self.largestDocument
            return try client.exchange(message, by: deadline(Self.shortest))
        }
    }

    /// Asks for something to be done, by a name under which it is done once.
    func post(_ path: String, key: String) throws -> Answer {
        let fields = [("Accept", "application/json"), ("Idempotency-Key", "\"\(key)\""), ("Content-Length", "0")]
        let message = request("POST", path, fields: fields).bytes
        return try settled { client throws(ClientError) in
            client.largestBody = Self.largestDocument
            return try client.exchange(message, by: deadline(Self.shortest))
        }
    }

    /// Sends a body.
    func upload(_ request: ClientRequest, _ body: FileBody) throws -> Answer {
        try settled { client throws(ClientError) in
            client.largestBody = Self.largestDocument
            let time = Self.shortest + .seconds(body.count / Self.slowest)
            return try client.exchange(request, sending: body, by: deadline(time))
        }
    }

    /// Carries out an exchange until it has an answer that counts.
    func settled<Result>(
        status: (Result) -> (code: Int, retryAfter: String?), _ exchange: (HTTPClient) throws(ClientError) -> Result
    ) throws -> Result {
        var backoff = Backoff()
        var begun: MonotonicTime?
        while true {
            let asked: String?
            var failure: Failure?
            var result: Result?
            var isThere = true
            do throws(ClientError) {
                let found = try exchange(try connected())
                let (code, retryAfter) = status(found)
                guard Self.passing.contains(code) else {
                    patience.succeed()
                    return found
                }
                (asked, result) = (retryAfter, found)
            } catch {
                client = nil
                asked = nil
                try check()
                guard error.mayPass else { throw Self.unreached(choice, error) }
                failure = Self.unreached(choice, error)
                isThere = !error.isOfNobody
            }
            let pause = backoff.pause(
                asked: asked.flatMap { RetryAfter.delay($0, now: Int(time(nil))) }, chance: .random(in: 0...1))
            let now = MonotonicTime.now
            begun = begun ?? now
            guard !patience.isOver(since: begun ?? now, next: now + pause, isThere: isThere) else {
                if let result { return result }
                throw failure ?? Failure(.unavailable, "\(choice.server) does not answer")
            }
            if let failure, !isTold {
                isTold = true
                Terminal.note("\(failure.description): trying again")
            }
            try wait(pause)
        }
    }

    private func settled(_ exchange: (HTTPClient) throws(ClientError) -> Answer) throws -> Answer {
        try settled(status: { ($0.status, $0.head.retryAfter) }, exchange)
    }

    /// The connection that the next exchange has.
    private func connected() throws(ClientError) -> HTTPClient {
        if let client { return client }
        let new = try HTTPClient(choice.server, trusting: choice.trust, largestBody: Self.largestDocument)
        client = new
        return new
    }

    /// Waits, unless the command is to end.
    func wait(_ pause: Duration) throws {
        let deadline = Deadline(in: pause)
        while deadline.milliseconds > 0 {
            try check()
            _ = poll(nil, 0, min(deadline.milliseconds, 100))
        }
        try check()
    }

    /// Throws where the command is to end.
    func check() throws {
        if stop.isSet { throw ExitCode(128 + stop.signal) }
    }

    private static func unreached(_ choice: ServerChoice, _ error: ClientError) -> Failure {
        switch error {
        case .unreadable(let error): Failure(.noInput, error.description)
        default: Failure(.unavailable, "\(choice.server): \(error)\(ServerTrust.advice(on: error))")
        }
    }
}

extension ClientError {
    /// Whether nothing was heard of a server.
    fileprivate var isOfNobody: Bool {
        switch self {
        case .unknownHost, .unreachable, .timedOut(.connecting): true
        default: false
        }
    }

    /// Whether the same request may fare better later.
    fileprivate var mayPass: Bool {
        switch self {
        case .unknownHost, .unreachable, .timedOut, .ended, .broken: true
        case .noTLS, .noAgreement, .alert, .malformed, .unreadable: false
        }
    }
}

/// What a server says of a request that it refuses (RFC 9457).
struct ServerProblem: Error {
    private static let longest = 2_000

    let status: Int
    let type: String?
    let title: String?
    let detail: String?

    /// Nil where the request was not refused.
    init?(_ answer: Answer) {
        guard !(200..<300).contains(answer.status), answer.status != 304 else { return nil }
        self.init(answer.status, answer.body)
    }

    init(_ status: Int, _ body: [UInt8]) {
        self.status = status
        let document = try? JSONReader.parse(body, maxBytes: 64 << 10)
        func text(_ name: String) -> String? {
            document?[name]?.string.map { String(String.UnicodeScalarView($0.unicodeScalars.prefix(Self.longest))) }
        }
        (type, title, detail) = (text("type"), text("title"), text("detail"))
    }

    /// What it comes to for who ran the command.
    var code: Failure.Code {
        switch status {
        case 401, 403: .noPermission
        case 404: .noInput
        case 408, 429, 500..., 300..<400: .unavailable
        default: .badData
        }
    }

    /// In a sentence. A server says how its key is sent, and here is where it is taken from.
    var words: String {
        let told = detail ?? title ?? "the server answered \(status)"
        return status == 401 ? "\(told) \(Self.keyAdvice)" : told
    }

    private static let keyAdvice =
        "A file with the key is named by --api-key-file or VIGIL_API_KEY_FILE, or by a profile (--profile)"

    /// The error that ends a command.
    func failure(_ subject: String) -> Failure { Failure(code, "\(subject): \(words) (\(status))") }
}
