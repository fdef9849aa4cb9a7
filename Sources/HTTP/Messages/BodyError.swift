import Platform

/// Why a request body did not come to its end.
public enum BodyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The body is larger than its route or the caller allows, in bytes.
    case tooLarge(limit: Int)
    /// The chunked coding was broken; the text says where and what was expected.
    case malformedChunk(String)
    /// The client ended or reset the connection inside the body.
    case closedEarly
    /// The client stopped sending, or sent too slowly.
    case timedOut
    /// The body is not what its Content-Encoding says; the text says how.
    case malformedCoding(String)
    /// The body inflates to more than this many times its size.
    case tooCompressed(times: Int)
    /// The task that waited for the body was cancelled.
    case cancelled

    /// One plain sentence.
    public var description: String {
        switch self {
        case .tooLarge(let limit): "The body is larger than the \(ByteCount(limit)) that are taken here."
        case .malformedChunk(let detail): "The chunked body is malformed: \(detail)."
        case .closedEarly: "The connection ended before the body did."
        case .timedOut: "The body came too slowly or not at all."
        case .malformedCoding(let detail): "The body's Content-Encoding does not hold: \(detail)."
        case .tooCompressed(let times):
            "The body inflates to more than \(times) times its size: send it without Content-Encoding."
        case .cancelled: "The request was cancelled while its body was being read."
        }
    }
}

extension HTTPProblem {
    /// The answer to a body that could not be read.
    public init(_ error: BodyError) {
        switch error {
        case .tooLarge(let limit): self = .contentTooLarge(limit: limit)
        case .tooCompressed: self = .tooCompressed(error.description)
        case .timedOut: self = .requestTimeout(error.description)
        case .malformedCoding: self = .unreadableBody(error.description)
        case .malformedChunk, .closedEarly, .cancelled: self = .malformed(error.description)
        }
    }

    /// The answer to whatever a handler threw: its own problem, that of the body, or a plain 500.
    init(handlerError error: any Error) {
        switch error {
        case let problem as HTTPProblem: self = problem
        case let error as BodyError: self = HTTPProblem(error)
        default: self = .internalError
        }
    }
}
