import HTTPTypes
import Platform
import Zlib

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

/// The codings that a client takes an answer in: the value of Accept-Encoding (RFC 9110, 12.5.3).
struct AcceptEncoding: Sendable {
    /// Weights in thousandths by coding, names in lower case; the first one of a name counts.
    private var weights: [ByteText: Int] = [:]

    /// Reads the field's value. Elements that are malformed are passed over.
    init(_ text: String?) {
        var scanner = FieldScanner(text ?? "")
        while !scanner.isAtEnd {
            scanner.skipBlanks()
            let name = scanner.token().map(ASCII.lowercased)
            let parameters = scanner.parameters()
            scanner.skipElement()
            _ = scanner.take(ASCII.comma)
            guard let name, let parameters else { continue }
            let quality = parameters.first { $0.name == "q" }?.value
            let plain = name == "x-gzip" ? "gzip" : name
            if let weight = QualityValue.thousandths(quality), weights[plain] == nil { weights[plain] = weight }
        }
    }

    /// How welcome a coding is; 0 where it is refused or not named.
    private func weight(of coding: ContentCoding) -> Int { weights[coding.rawValue] ?? weights["*"] ?? 0 }

    /// Whether an answer may go out as it is: unless that is ruled out by name, or by `*` without being named.
    var takesIdentity: Bool { (weights["identity"] ?? weights["*"] ?? 1) > 0 }

    /// The most welcome coding, gzip where two are alike; nil where the answer is better sent as it is, or can't be
    /// sent at all, which `takesIdentity` tells.
    var preferred: ContentCoding? {
        var best: (coding: ContentCoding, weight: Int)?
        for coding in ContentCoding.allCases {
            let weight = weight(of: coding)
            if weight > best?.weight ?? 0 { best = (coding, weight) }
        }
        guard let best, best.weight >= weights["identity"] ?? 0 else { return nil }
        return best.coding
    }
}
