/// What a multipart body consists of, in order.
public enum MultipartEvent: Sendable, Equatable {
    /// The headers of a part have been read.
    case partBegan(MultipartPart)
    /// A piece of the part's content, never empty.
    case data([UInt8])
    /// The part's content is complete.
    case partEnded
}

/// The headers of a part of a form (RFC 7578, 4).
public struct MultipartPart: Sendable, Equatable {
    /// The name of the form's field.
    public let name: String
    /// The name of the file on the client's side, as it was sent: not to be used as a path.
    public let filename: String?
    /// The type of the content; nil where it is not said, which means plain text.
    public let contentType: MediaType?
}

/// How much of a multipart body is taken.
public struct MultipartLimits: Sendable {
    /// Number of parts.
    public var maxParts = 64
    /// Bytes of the headers of one part.
    public var maxPartHeaderBytes = 8 << 10
    /// Bytes before the first boundary, and after the last one.
    public var maxSurroundingBytes = 4 << 10

    /// The defaults.
    public init() {}
}

/// Why a multipart body could not be read.
public enum MultipartError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The content type has no boundary of 1 to 70 characters that may be in one.
    case invalidBoundary
    /// There are more parts than the limit.
    case tooManyParts(limit: Int)
    /// The headers of a part are longer than the limit, in bytes.
    case partHeadersTooLarge(part: Int, limit: Int)
    /// The headers of a part are not field lines.
    case malformedPartHeader(part: Int)
    /// A part has no `Content-Disposition: form-data` with a name.
    case missingName(part: Int)
    /// A boundary is followed by something else than CR LF or two dashes.
    case malformedBoundary(part: Int)
    /// There is more than the limit before the first boundary or after the last, in bytes.
    case surroundingsTooLarge(limit: Int)
    /// The body ended before its last boundary.
    case endedEarly(part: Int)

    /// One plain sentence; parts are counted from 1.
    public var description: String {
        switch self {
        case .invalidBoundary: "The content type has no boundary of 1 to 70 characters."
        case .tooManyParts(let limit): "The form has more than \(limit) parts."
        case .partHeadersTooLarge(let part, let limit): "The headers of part \(part) are over \(limit) bytes."
        case .malformedPartHeader(let part): "The headers of part \(part) are not lines of a name, a colon, a value."
        case .missingName(let part): "Part \(part) has no Content-Disposition: form-data with a name."
        case .malformedBoundary(let part): "The boundary after part \(part) is followed by neither CR LF nor --."
        case .surroundingsTooLarge(let limit): "There are over \(limit) bytes outside of the parts of the form."
        case .endedEarly(let part): "The form ends within part \(part), before its closing boundary."
        }
    }
}
