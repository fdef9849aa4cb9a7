import Compression
import HTTPTypes
import Platform

/// A way in which a body can be compressed (RFC 9110, 8.4.1).
enum ContentCoding: String, Sendable, CaseIterable {
    case gzip
    case deflate

    /// All of them, as Accept-Encoding lists them.
    static let taken = allCases.map(\.rawValue).joined(separator: ", ")

    /// The coding of this name, in any case; `x-gzip` is what old clients call gzip.
    init?(name: String) {
        let name = ASCII.lowercased(name)
        guard let coding = name == "x-gzip" ? .gzip : ContentCoding(rawValue: name) else { return nil }
        self = coding
    }

    /// The coding of a request's body, nil for a plain one; throws 415 for another, and for several on top of each
    /// other, which no client sends that means well.
    static func ofBody(_ fields: HeaderFields) throws(HTTPProblem) -> ContentCoding? {
        guard let value = fields[.contentEncoding] else { return nil }
        let names = value.utf8.split(separator: ASCII.comma).map { name in
            String(decoding: FieldText.trimmed(Array(name)[...]), as: UTF8.self)
        }.filter { !$0.isEmpty && ASCII.lowercased($0) != "identity" }
        guard let name = names.first else { return nil }
        guard names.count == 1, let coding = ContentCoding(name: name) else { throw .codingNotTaken(value) }
        return coding
    }

    /// What zlib calls it; RFC 9110's deflate is zlib's format, not bare deflate data.
    var wrapping: Inflater.Wrapping {
        switch self {
        case .gzip: .gzip
        case .deflate: .zlib
        }
    }
}
