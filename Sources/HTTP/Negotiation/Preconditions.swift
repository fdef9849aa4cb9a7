public import HTTPTypes
import Platform

/// The conditions under which a client wants its request performed (RFC 9110, 13).
///
/// Nothing here has a date of its last change, and no ranges are served: If-Modified-Since, If-Unmodified-Since and
/// If-Range are ignored, as they are to be then. A field that can't be read is no condition that holds: what would change
/// something is not performed.
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
    /// - Parameters:
    ///   - method: the request's
    ///   - tags: those of the resource's current representations, nil where there is no representation.
    public func outcome(of method: HTTPRequest.Method, on tags: [EntityTag]?) -> Outcome {
        if let ifMatch {
            guard let tags, Self.isAny(ifMatch) || tags.contains(where: { $0.matches(ifMatch: ifMatch) }) else {
                return .failed
            }
        }
        if let ifNoneMatch, method != .get, method != .head, !Self.isReadable(ifNoneMatch) { return .failed }
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

    private static func isReadable(_ value: String) -> Bool { isAny(value) || EntityTag.list(value).isWhole }

    private static func isAny(_ value: String) -> Bool {
        FieldText.trimmed(Array(value.utf8)[...]).elementsEqual("*".utf8)
    }
}

/// A name for one state of a resource (RFC 9110, 8.8.3).
public struct EntityTag: Sendable, Hashable, CustomStringConvertible {
    /// What stands between the quotes.
    public let opaque: String
    /// Whether it names states that mean the same, rather than the same bytes.
    public let isWeak: Bool

    /// A tag; characters that can't stand in one, such as quotes and blanks, are left out.
    public init(_ opaque: String, isWeak: Bool = false) {
        self.opaque = String(decoding: opaque.utf8.filter(Self.isAllowed), as: UTF8.self)
        self.isWeak = isWeak
    }

    /// As in the ETag field.
    public var description: String { "\(isWeak ? "W/" : "")\"\(opaque)\"" }

    /// Whether a value of If-None-Match names this tag, by weak comparison: the client has what it would get, and 304
    /// is the answer to GET and HEAD (RFC 9110, 13.1.2).
    public func matches(ifNoneMatch value: String?) -> Bool {
        guard let value else { return false }
        if FieldText.trimmed(Array(value.utf8)[...]).elementsEqual("*".utf8) { return true }
        return Self.list(value).tags.contains { $0.opaque.utf8.elementsEqual(opaque.utf8) }
    }

    /// Whether a value of If-Match names this tag, by strong comparison: a weak tag on either side is none
    /// (RFC 9110, 13.1.1).
    func matches(ifMatch value: String) -> Bool {
        let (tags, isWhole) = Self.list(value)
        return !isWeak && isWhole && tags.contains(self)
    }

    /// Whether it is the same tag, byte for byte.
    public static func == (left: EntityTag, right: EntityTag) -> Bool {
        left.isWeak == right.isWeak && left.opaque.utf8.elementsEqual(right.opaque.utf8)
    }

    /// Hashes what `==` compares.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(isWeak)
        for byte in opaque.utf8 { hasher.combine(byte) }
    }

    /// Reads a list of tags up to the first thing that is none, and tells whether there was nothing such.
    static func list(_ text: String) -> (tags: [EntityTag], isWhole: Bool) {
        var tags: [EntityTag] = []
        var rest = Array(text.utf8)[...]
        while true {
            rest = rest.drop { ASCII.isBlank($0) || $0 == ASCII.comma }
            if rest.isEmpty { return (tags, true) }
            let isWeak = rest.starts(with: "W/".utf8)
            if isWeak { rest = rest.dropFirst(2) }
            guard rest.first == ASCII.quote else { return (tags, false) }
            rest = rest.dropFirst()
            guard let end = rest.firstIndex(where: { !isAllowed($0) }), rest[end] == ASCII.quote else {
                return (tags, false)
            }
            tags.append(EntityTag(String(decoding: rest[..<end], as: UTF8.self), isWeak: isWeak))
            rest = rest[(end + 1)...].drop(while: ASCII.isBlank)
            guard rest.first ?? ASCII.comma == ASCII.comma else { return (tags, false) }
        }
    }

    private static func isAllowed(_ byte: UInt8) -> Bool { byte == 0x21 || (byte >= 0x23 && byte != 0x7F) }
}
