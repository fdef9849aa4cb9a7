import Platform
import TLS

/// One connection to a server, which blocks: a request, then its answer. It is kept open, and opened again where the
/// server has ended it.
public final class HTTPClient {
    /// How long an exchange may take; beyond the minute that a server is asked to wait for a job.
    private static let patience = Duration.seconds(90)
    /// What a network moves in a second at least, for requests that are large.
    private static let slowest = 1 << 20

    /// The server.
    public let server: ServerURL
    private let addresses: [IPAddress]
    private let trust: TLSClientContext?
    private let peer: TLSPeerName
    private var connection: ClientConnection?
    private let largestBody: Int
    private var reader: AnswerReader
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

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
        do throws(ClientError) {
            let answer = try send(message, by: deadline)
            if answer.closes { connection = nil }
            return answer
        } catch {
            connection = nil
            reader = AnswerReader(largestBody: largestBody)
            throw error
        }
    }

    private func send(_ message: [UInt8], by deadline: Deadline) throws(ClientError) -> Answer {
        if connection?.hasEnded == true { connection = nil }
        if connection == nil { connection = try connected(by: deadline) }
        var problem: ClientError?
        do throws(ClientError) { try connection?.send(message, by: deadline) } catch {
            if case .timedOut = error { throw error }
            // A server may refuse before it has read everything, and end the connection: then its answer is there.
            problem = error
        }
        let answer: Answer
        do throws(ClientError) { answer = try receive(by: deadline) } catch {
            // What the server says of it is the reason for what went wrong before.
            if case .alert = error { throw error }
            throw problem ?? error
        }
        if problem != nil { connection = nil }
        return answer
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
            let count = try fill(by: deadline)
            guard count > 0 else {
                guard let answer = reader.end() else { throw .ended(.receiving) }
                return answer
            }
            do throws(AnswerError) {
                if let answer = try take(count) { return answer }
            } catch {
                throw .malformed(error)
            }
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
                outcome = .success(try connection?.receive(into: bytes, by: deadline) ?? 0)
            } catch {
                outcome = .failure(error)
            }
        }
        return try outcome.get()
    }
}

/// Where a server is: `http://host:port` or `https://host:port`.
public struct ServerURL: Equatable, Sendable, CustomStringConvertible {
    /// A name, or an address in numbers without brackets.
    public let host: String
    /// The port.
    public let port: UInt16
    /// Whether it is spoken to over TLS.
    public let isSecure: Bool

    /// A place from its parts.
    public init(host: String, port: UInt16, isSecure: Bool = false) {
        self.host = host
        self.port = port
        self.isSecure = isSecure
    }

    /// Reads a URL that has no path below which a server could be.
    public init(parsing text: String) throws(ServerURLError) {
        let isSecure = text.begins(with: "https://")
        guard let place = text.rest(after: isSecure ? "https://" : "http://") else {
            throw ServerURLError("it does not begin with http:// or https://")
        }
        let authority = place.ends(with: "/") ? Substring(place.utf8.dropLast()) : place
        guard authority.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"/?#@".utf8.contains($0) }) else {
            throw ServerURLError("something other than host and port is in it")
        }
        let isNumeric = authority.first == "["
        let hostEnd = isNumeric ? authority.firstIndex(of: "]") : authority.firstIndex(of: ":") ?? authority.endIndex
        guard let hostEnd else { throw ServerURLError("']' is missing") }
        let host = isNumeric ? authority[..<hostEnd].dropFirst() : authority[..<hostEnd]
        let rest = isNumeric ? authority[hostEnd...].dropFirst() : authority[hostEnd...]
        guard !host.isEmpty else { throw ServerURLError("there is no host") }
        guard rest.isEmpty || rest.first == ":",
            let port = rest.isEmpty
                ? isSecure ? 443 : 80 : ASCII.number(rest.utf8.dropFirst(), most: 5).flatMap({ UInt16(exactly: $0) }),
            port > 0
        else { throw ServerURLError("the port is no number from 1 to 65535") }
        self.init(host: String(host), port: port, isSecure: isSecure)
    }

    /// As it stands in a Host field.
    public var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// As it is read.
    public var description: String { "\(isSecure ? "https" : "http")://\(authority)" }
}

/// Why a text is no URL of a server.
public struct ServerURLError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The reason, to stand after the text.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// A request as it is sent.
public struct ClientRequest: Sendable {
    /// The method, such as `POST`.
    public var method: String
    /// Path and query.
    public var target: String
    /// What stands in the Host field.
    public var authority: String
    /// Further fields; names and values have no line ends.
    public var fields: [(name: String, value: String)]
    /// The body.
    public var body: [UInt8]

    /// A request from its parts.
    public init(
        _ method: String, _ target: String, authority: String, fields: [(name: String, value: String)] = [],
        body: [UInt8] = []
    ) {
        self.method = method
        self.target = target
        self.authority = authority
        self.fields = fields
        self.body = body
    }

    /// Head and body; a method that may have a body has its length, even where there is none.
    public var bytes: [UInt8] {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: \(authority)\r\n"
        for field in fields { head += "\(field.name): \(field.value)\r\n" }
        if !body.isEmpty || method == "POST" || method == "PUT" { head += "Content-Length: \(body.count)\r\n" }
        return Array(head.utf8) + Array("\r\n".utf8) + body
    }
}
