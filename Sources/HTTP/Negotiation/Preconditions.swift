public import HTTPTypes

/// The conditions under which a client wants its request performed (RFC 9110, 13).
///
/// Nothing here has a date of its last change, and no ranges are served: If-Modified-Since, If-Unmodified-Since and
/// If-Range are ignored, as they are to be then.
public struct Preconditions: Sendable {
    /// What becomes of the request.
    public enum Outcome: Sendable, Equatable {
        /// It is performed.
        case met
        /// The client has what it would get: 304.
        case notModified
        /// It is not performed: 412.
        case failed
    }

    private let ifMatch: String?
    private let ifNoneMatch: String?

    /// Reads them.
    public init(_ fields: HeaderFields) {
        ifMatch = fields[.ifMatch]
        ifNoneMatch = fields[.ifNoneMatch]
    }

    /// Whether there is none.
    public var isEmpty: Bool { ifMatch == nil && ifNoneMatch == nil }

    /// Evaluates them in the order of RFC 9110, 13.2.2.
    ///
    /// - Parameter tags: those of the resource's current representations, nil where there is no representation.
    public func outcome(of method: HTTPRequest.Method, on tags: [EntityTag]?) -> Outcome {
        if let ifMatch {
            guard let tags, Self.isAny(ifMatch) || tags.contains(where: { $0.matches(ifMatch: ifMatch) }) else {
                return .failed
            }
        }
        if let ifNoneMatch, let tags,
            Self.isAny(ifNoneMatch) || tags.contains(where: { $0.matches(ifNoneMatch: ifNoneMatch) })
        {
            return method == .get || method == .head ? .notModified : .failed
        }
        return .met
    }

    /// Throws 412 where the request is not to be performed.
    ///
    /// - Returns: whether 304 is the answer.
    public func check(_ method: HTTPRequest.Method, on tags: [EntityTag]?) throws(HTTPProblem) -> Bool {
        switch outcome(of: method, on: tags) {
        case .met: return false
        case .notModified: return true
        case .failed:
            let current = tags.map { $0.isEmpty ? "no tag" : $0.map(\.description).joined(separator: ", ") }
            throw .preconditionFailed(
                "If-Match or If-None-Match does not hold, so that nothing was done: there is "
                    + "\(current ?? "nothing here to match"). If-Match takes tags without W/ alone.")
        }
    }

    private static func isAny(_ value: String) -> Bool {
        FieldText.trimmed(Array(value.utf8)[...]).elementsEqual("*".utf8)
    }
}
