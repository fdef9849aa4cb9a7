import HTTP
import HTTPTypes
import Jobs

/// The client's own name for a request (draft-ietf-httpapi-idempotency-key-header).
enum IdempotencyField {
    /// Bytes that a key may have.
    private static let mostBytes = 255

    /// The key, nil where there is none: a string of structured fields, or, as many clients send it, without quotes.
    static func read(_ fields: HeaderFields) throws(HTTPProblem) -> String? {
        let lines = fields.values(for: .idempotencyKey)
        guard let text = lines.first else { return nil }
        guard lines.count == 1 else { throw problem("it is there \(lines.count) times; expected once") }
        let key = text.first == "\"" ? try unquoted(text) : text
        guard !key.isEmpty, key.utf8.count <= mostBytes else {
            throw problem("it has \(key.utf8.count) bytes; expected 1 to \(mostBytes)")
        }
        guard key.utf8.allSatisfy({ (0x21...0x7e).contains($0) || $0 == 0x20 }) else {
            throw problem("there is something else in it than visible ASCII")
        }
        return key
    }

    /// What stands between the quotes, where a backslash takes the next quote or backslash as it is (RFC 9651, 3.3.3).
    private static func unquoted(_ text: String) throws(HTTPProblem) -> String {
        var key: [UInt8] = []
        var isEscaped = false
        var rest = text.utf8.dropFirst()
        while let byte = rest.popFirst() {
            if isEscaped {
                guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { break }
                key.append(byte)
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                guard rest.isEmpty else { break }
                return String(decoding: key, as: UTF8.self)
            } else {
                key.append(byte)
            }
        }
        throw problem("it is no string in quotes")
    }

    private static func problem(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .badRequest, slug: "invalid-idempotency-key", title: "The idempotency key can't be taken",
            detail: "Idempotency-Key: \(detail).")
    }
}

extension HTTPField.Name {
    static let idempotencyKey = HTTPField.Name("Idempotency-Key") ?? .accept
    static let idempotencyReplayed = HTTPField.Name("Idempotency-Replayed") ?? .accept
    static let deadline = HTTPField.Name("Vigil-Deadline") ?? .accept
}
