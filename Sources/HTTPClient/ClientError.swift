import Platform

/// Why a request got no answer.
public enum ClientError: Error, Equatable, Sendable {
    /// What a client does, one step after another.
    public enum Step: String, Sendable {
        case resolving = "resolve the name"
        case connecting = "connect"
        case securing = "agree on TLS"
        case sending = "send the request"
        case receiving = "receive an answer"
    }

    /// The host has no address that is known, for a reason in plain words.
    case unknownHost(String, String)
    /// There is nobody to connect to: an address with its port, and the system's words.
    case unreachable(String, String)
    /// The time was over before a step was.
    case timedOut(Step)
    /// The other side ended the connection within a step.
    case ended(Step)
    /// What speaks on that port is no TLS.
    case noTLS
    /// There is no agreement on TLS, for a reason in plain words.
    case noAgreement(String)
    /// The other side ended TLS by this alert, after the handshake.
    case alert(String)
    /// Something else went wrong, in plain words.
    case broken(String)
    /// What came is not HTTP/1.1.
    case malformed(AnswerError)
    /// What was to be sent could not be read.
    case unreadable(FileError)

    /// Whether the connection broke, or nothing came, within a request: another one may fare better.
    public var isInterruption: Bool {
        switch self {
        case .timedOut, .ended, .broken: true
        default: false
        }
    }

    /// What went wrong, in words that call the other side a server, or what it is for the client.
    public func words(for peer: String) -> String {
        switch self {
        case .unknownHost(let host, let reason): "the host \(host) is not known: \(reason)"
        case .unreachable(let place, let reason): "the connection to \(place), failed: \(reason)"
        case .timedOut(let step): "the time was over while trying to \(step.rawValue)"
        case .ended(.securing): "the \(peer) ended the connection while agreeing on TLS"
        case .ended: "the \(peer) ended the connection before it had answered"
        case .noTLS: "the \(peer) does not speak TLS on this port"
        case .noAgreement(let reason): "TLS with the \(peer) failed: \(reason)"
        case .alert(let name): "the \(peer) ended TLS by the alert '\(name)'"
        case .broken(let reason): reason
        case .malformed(let error): error.words(for: peer)
        case .unreadable(let error): error.description
        }
    }
}

extension ClientError: CustomStringConvertible {
    /// What went wrong, to follow the server's URL.
    public var description: String {
        switch self {
        case .unreachable(let place, let reason): "no connection to \(place): \(reason)"
        case .unknownHost: "no connection: \(words(for: "server"))"
        case .unreadable(let error): "nothing was sent: \(error)"
        case .malformed(let error): "the answer is not HTTP/1.1: \(error.words(for: "server"))"
        default: "no answer: \(words(for: "server"))"
        }
    }
}

/// Why what came is no answer.
public enum AnswerError: Error, Equatable, Sendable {
    /// The first line is no status line, but begins with this.
    case notHTTP(String)
    /// The head is too long.
    case tooLong
    /// A line ends in LF alone.
    case bareLineFeed
    /// A field has no colon.
    case noColon
    /// Content-Length is no number, or two.
    case length
    /// Transfer-Encoding is not chunked.
    case coding
    /// A chunk has no size or no end.
    case chunk
    /// The body is larger than so many bytes.
    case tooLarge(Int)
    /// So many bytes follow the answer, that nobody asked for.
    case excess(Int)

    func words(for peer: String) -> String {
        switch self {
        case .notHTTP(let line): "what the \(peer) answered is no HTTP/1.1 but '\(line)'"
        case .tooLong: "the head of the \(peer)'s answer is longer than \(AnswerHeadReader.maxBytes) bytes"
        case .bareLineFeed: "a line of the \(peer)'s answer ends in LF alone"
        case .noColon: "a field of the \(peer)'s answer has no colon"
        case .length: "the Content-Length of the \(peer)'s answer is not one number"
        case .coding: "the Transfer-Encoding of the \(peer)'s answer is not chunked"
        case .chunk: "a chunk of the \(peer)'s answer has no size or no end"
        case .tooLarge(let most): "the body of the \(peer)'s answer is larger than \(most) bytes"
        case .excess(let count): "\(count) bytes follow the \(peer)'s answer"
        }
    }
}
