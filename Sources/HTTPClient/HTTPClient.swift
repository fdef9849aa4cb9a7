import Platform
import TLS

/// One connection to a server, which blocks: a request, then its answer. It is kept open, and opened again where the
/// server has ended it.
public final class HTTPClient {
    /// How long an exchange may take; beyond the minute that a server is asked to wait for a job.
    private static let patience = Duration.seconds(90)
    /// What a network moves in a second at least, for requests that are large.
    private static let slowest = 1 << 20

    /// From so many bytes on a server is asked whether it wants a body.
    private static let askedFrom = 1 << 20

    /// What is left of an answer that is taken in pieces.
    private enum Stream {
        case none
        /// More comes, behind the bytes that are there.
        case open([UInt8])
        /// Nothing comes behind these; whether the server ends the connection then.
        case last([UInt8], closes: Bool)
    }

    /// The server.
    public let server: ServerURL
    private let addresses: [IPAddress]
    private let trust: TLSClientContext?
    private let peer: TLSPeerName
    private var connection: ClientConnection?
    /// How long a server may be silent that was asked whether it wants a body, before it gets that.
    package var silence = Duration.seconds(2)
    /// An answer with a larger body is refused.
    public var largestBody: Int { didSet { reader.largestBody = largestBody } }
    private var reader: AnswerReader
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)
    private var stream = Stream.none
    /// Whether anything has come since the last request was begun with.
    private var hasHeard = false

    /// Looks the host up; connects with the first request.
    ///
    /// - Parameters:
    ///   - server: where it connects
    ///   - trust: whom a server is believed over TLS; without it none is spoken to
    ///   - largestBody: an answer with a larger one is refused
    public init(
        _ server: ServerURL, trusting trust: TLSClientContext? = nil, largestBody: Int = 1 << 30
    ) throws(ClientError) {
        self.server = server
        self.largestBody = largestBody
        reader = AnswerReader(largestBody: largestBody)
        self.trust = trust
        if let address = IPAddress(server.host) {
            peer = .address("\(address)")
            addresses = [address]
            return
        }
        peer = .host(server.host)
        do throws(ResolutionError) { addresses = try SystemResolver().addresses(of: server.host) } catch {
            throw .unknownHost(server.host, "\(error)")
        }
    }

    /// A request as it is sent.
    public static func message(
        _ method: String, _ path: String, to server: ServerURL, fields: [(name: String, value: String)] = [],
        body: [UInt8] = []
    ) -> [UInt8] {
        ClientRequest(method, path, authority: server.authority, fields: fields, body: body).bytes
    }

    /// Sends a request and reads its answer.
    public func exchange(_ message: [UInt8]) throws(ClientError) -> Answer {
        try exchange(message, by: Deadline(in: Self.patience + .seconds(message.count / Self.slowest)))
    }

    /// Sends a request and reads its answer, all of it until the deadline.
    public func exchange(_ message: [UInt8], by deadline: Deadline) throws(ClientError) -> Answer {
        try repeating(message) { () throws(ClientError) in
            try connect(by: deadline)
            return try answer(by: deadline) { () throws(ClientError) in
                try connection?.send(message, by: deadline)
                return nil
            }
        }
    }

    /// Sends a request whose body is read from a file as it is sent, and reads its answer.
    ///
    /// Before a large body the server is asked whether it wants it (RFC 9110, 10.1.1), so that one that refuses need not take
    /// it; a server that says nothing to that gets it after a while.
    ///
    /// - Parameters:
    ///   - request: without a body
    ///   - body: what is sent behind it
    ///   - deadline: by when the answer has to be whole
    public func exchange(
        _ request: ClientRequest, sending body: FileBody, by deadline: Deadline
    ) throws(ClientError) -> Answer {
        var request = request
        let isAsked = body.count > Self.askedFrom
        if isAsked { request.fields.append(("Expect", "100-continue")) }
        let head = request.head(length: body.count)
        return try settling { () throws(ClientError) in
            try connect(by: deadline)
            return try answer(by: deadline) { () throws(ClientError) in
                try connection?.send(head, by: deadline)
                if isAsked, let refusal = try refusal(by: deadline.earlier(Deadline(in: silence))) {
                    // What it expects next on this connection is a body.
                    connection = nil
                    return refusal
                }
                try body.forEachPiece { bytes throws(ClientError) in try connection?.send(bytes, by: deadline) }
                return nil
            }
        }
    }

    /// Carries out an exchange, and once more on another connection where the server has ended one that was kept before it said
    /// anything: it may have been about to, and what changes nothing when it is done twice may be sent again (RFC 9112, 9.3.1).
    private func repeating<Result>(
        _ message: [UInt8], _ exchange: () throws(ClientError) -> Result
    ) throws(ClientError) -> Result {
        let wasKept = connection != nil
        hasHeard = false
        do throws(ClientError) { return try settling(exchange) } catch {
            switch error {
            case .ended, .broken: break
            default: throw error
            }
            let isIdempotent = ["GET ", "HEAD ", "PUT ", "DELETE "].contains { message.starts(with: $0.utf8) }
            guard wasKept, !hasHeard, isIdempotent else { throw error }
        }
        return try settling(exchange)
    }

    /// Carries out an exchange; after one that went wrong the next has another connection.
    private func settling<Result>(_ exchange: () throws(ClientError) -> Result) throws(ClientError) -> Result {
        do throws(ClientError) { return try exchange() } catch {
            connection = nil
            reader = AnswerReader(largestBody: largestBody)
            throw error
        }
    }

    private func connect(by deadline: Deadline) throws(ClientError) {
        if case .none = stream {
        } else {
            // Nobody has waited for the end of an answer, which would be taken for the next one's.
            connection = nil
            reader = AnswerReader(largestBody: largestBody)
            stream = .none
        }
        if connection?.hasEnded == true { connection = nil }
        if connection == nil { connection = try connected(by: deadline) }
    }

    /// - Parameter send: sends the request; what it returns is an answer that came before all was sent
    private func answer(
        by deadline: Deadline, to send: () throws(ClientError) -> Answer?
    ) throws(ClientError) -> Answer {
        var problem: ClientError?
        do throws(ClientError) { if let early = try send() { return early } } catch {
            switch error {
            case .timedOut, .unreadable: throw error
            // A server may refuse before it has read everything, and end the connection: then its answer is there.
            default: problem = error
            }
        }
        let answer: Answer
        do throws(ClientError) { answer = try receive(by: deadline) } catch {
            // What the server says of it is the reason for what went wrong before.
            if case .alert = error { throw error }
            throw problem ?? error
        }
        if problem != nil || answer.closes { connection = nil }
        return answer
    }

    /// What a server answers that was asked whether it wants a body; nil where it wants it, or says nothing.
    private func refusal(by limit: Deadline) throws(ClientError) -> Answer? {
        let before = reader.announcements
        while reader.announcements == before {
            let count: Int
            do throws(ClientError) { count = try fill(by: limit) } catch {
                if case .timedOut = error { return nil }
                throw error
            }
            guard count > 0 else { throw .ended(.sending) }
            do throws(AnswerError) { if let answer = try take(count) { return answer } } catch {
                throw .malformed(error)
            }
        }
        return nil
    }

    private func connected(by deadline: Deadline) throws(ClientError) -> ClientConnection {
        var connection = try ClientConnection.connected(toFirstOf: addresses, port: server.port, by: deadline)
        guard server.isSecure else { return connection }
        guard let trust else { throw .noAgreement("nobody is trusted") }
        try connection.secure(trust, expecting: peer, by: deadline)
        return connection
    }

    private func receive(by deadline: Deadline) throws(ClientError) -> Answer {
        while true {
            if let answer = try advance(try fill(by: deadline)) { return answer }
        }
    }

    /// Takes the bytes at the beginning of the buffer; an answer has to be the last of them.
    private func take(_ count: Int) throws(AnswerError) -> Answer? {
        let bytes = buffer
        var position = 0
        guard let answer = try reader.consume(bytes.span.extracting(0..<count), at: &position) else { return nil }
        guard position == count else { throw .excess(count - position) }
        return answer
    }

    /// Reads what is there into the buffer; 0 where the server has ended.
    private func fill(by deadline: Deadline) throws(ClientError) -> Int {
        var outcome = Result<Int, ClientError>.success(0)
        buffer.withUnsafeMutableBytes { bytes in
            do throws(ClientError) {
                let count = try connection?.receive(into: bytes, by: deadline) ?? 0
                if count > 0 { hasHeard = true }
                outcome = .success(count)
            } catch {
                outcome = .failure(error)
            }
        }
        return try outcome.get()
    }
}

/// Answers that are taken as they come.
extension HTTPClient {
    /// Sends a request and reads the head of its answer, whose body ``nextPiece(by:)`` then gives.
    public func open(_ message: [UInt8], by deadline: Deadline) throws(ClientError) -> AnswerHead {
        try repeating(message) { () throws(ClientError) in
            try connect(by: deadline)
            try connection?.send(message, by: deadline)
            while true {
                let count = try fill(by: deadline)
                if let whole = try advance(count) {
                    stream = .last(whole.body, closes: whole.closes)
                    return whole.head
                }
                guard let head = reader.head else { continue }
                stream = .open(reader.takeBody())
                return head
            }
        }
    }

    /// The next bytes of the body; nil at its end. Of a body in pieces `largestBody` bounds each piece.
    public func nextPiece(by deadline: Deadline) throws(ClientError) -> [UInt8]? {
        try settling { () throws(ClientError) in
            while true {
                switch stream {
                case .none: return nil
                case .last(let bytes, let closes):
                    stream = .none
                    if closes { connection = nil }
                    return bytes.isEmpty ? nil : bytes
                case .open(let bytes) where !bytes.isEmpty:
                    stream = .open([])
                    return bytes
                case .open:
                    let whole = try advance(try fill(by: deadline))
                    stream = whole.map { .last($0.body, closes: $0.closes) } ?? .open(reader.takeBody())
                }
            }
        }
    }

    /// Takes so many bytes of the buffer; 0 is the end of the connection.
    private func advance(_ count: Int) throws(ClientError) -> Answer? {
        guard count > 0 else {
            guard let answer = reader.end() else { throw .ended(.receiving) }
            return answer
        }
        do throws(AnswerError) { return try take(count) } catch { throw .malformed(error) }
    }
}
