import Platform

/// A media type such as `text/plain; charset=utf-8` (RFC 9110, 8.3.1).
public struct MediaType: Sendable, Equatable, CustomStringConvertible {
    /// The type, in lower case.
    public let type: String
    /// The subtype, in lower case.
    public let subtype: String
    /// The parameters in order, their names in lower case.
    public let parameters: [Parameter]

    /// A name and its value.
    public struct Parameter: Sendable, Equatable {
        /// The name, in lower case.
        public let name: String
        /// The value without quotes.
        public let value: String
    }

    /// Reads the value of a Content-Type field; nil where it is none.
    public init?(_ text: String) {
        var scanner = FieldScanner(text)
        scanner.skipBlanks()
        guard let media = Self.read(&scanner), scanner.isAtEnd else { return nil }
        self = media
    }

    private init(type: String, subtype: String, parameters: [Parameter]) {
        self.type = type
        self.subtype = subtype
        self.parameters = parameters
    }

    /// Reads one media type, or range, up to a comma or the end.
    static func read(_ scanner: inout FieldScanner) -> MediaType? {
        guard let type = scanner.token(), scanner.take(ASCII.slash), let subtype = scanner.token(),
            let parameters = scanner.parameters()
        else { return nil }
        return MediaType(
            type: ASCII.lowercased(type), subtype: ASCII.lowercased(subtype),
            parameters: parameters.map { Parameter(name: $0.name, value: $0.value) })
    }

    /// `type/subtype` without parameters.
    public var essence: String { "\(type)/\(subtype)" }

    /// The first parameter of this name, which is to be in lower case.
    public subscript(parameter: String) -> String? {
        parameters.first { $0.name == parameter }?.value
    }

    /// The essence and the parameters as they were read, values in quotes where they need them.
    public var description: String {
        parameters.reduce(into: essence) { text, parameter in
            let isToken = !parameter.value.isEmpty && parameter.value.utf8.allSatisfy(ByteSet.token.contains)
            // Scalars, since a quote with an accent after it is one character, and another than a quote.
            let escaped = parameter.value.unicodeScalars.reduce(into: String.UnicodeScalarView()) { escaped, scalar in
                if scalar == "\"" || scalar == "\\" { escaped.append("\\") }
                escaped.append(scalar)
            }
            text += "; \(parameter.name)=\(isToken ? parameter.value : "\"\(String(escaped))\"")"
        }
    }
}

/// What a client would like to get: the value of Accept (RFC 9110, 12.5.1).
public struct AcceptHeader: Sendable {
    private struct Range: Sendable {
        let media: MediaType
        /// From 0 to 1000.
        let weight: Int

        /// How closely it names the type: 4 with parameters, 3 exactly, 2 with parameters that the type has not and that
        /// say nothing of it, such as JSON's charset, 1 by its type, 0 as one of all; nil not at all.
        func specificity(for offered: MediaType) -> Int? {
            if media.type == "*" { return media.subtype == "*" ? 0 : nil }
            guard media.type == offered.type else { return nil }
            if media.subtype == "*" { return 1 }
            guard media.subtype == offered.subtype else { return nil }
            let wanted = media.parameters.filter { $0.name != "q" }
            var isWhole = true
            for parameter in wanted {
                guard let own = offered[parameter.name] else {
                    isWhole = false
                    continue
                }
                guard ASCII.equal(own, ignoringCase: parameter.value) else { return nil }
            }
            return wanted.isEmpty ? 3 : isWhole ? 4 : 2
        }
    }

    private let ranges: [Range]

    /// Reads the field's value. Elements that are malformed are passed over; without any, everything is welcome.
    public init(_ text: String?) {
        var scanner = FieldScanner(text ?? "")
        var ranges: [Range] = []
        while !scanner.isAtEnd {
            scanner.skipBlanks()
            let media = MediaType.read(&scanner)
            scanner.skipElement()
            _ = scanner.take(ASCII.comma)
            if let media, let weight = QualityValue.thousandths(media["q"]) {
                ranges.append(Range(media: media, weight: weight))
            }
        }
        self.ranges = ranges
    }

    /// How welcome a media type is: 0 not at all, 1000 fully.
    public func quality(of offered: MediaType) -> Int {
        if ranges.isEmpty { return 1000 }
        let matches = ranges.compactMap { range in range.specificity(for: offered).map { ($0, range.weight) } }
        return matches.max { $0.0 < $1.0 }?.1 ?? 0
    }

    /// The most welcome of the types that are offered, the earlier one where two are alike; nil where none is.
    public func preferred(among offered: [MediaType]) -> MediaType? {
        var best: (media: MediaType, quality: Int)?
        for media in offered {
            let quality = quality(of: media)
            if quality > best?.quality ?? 0 { best = (media, quality) }
        }
        return best?.media
    }
}

/// The weight of an element of a list (RFC 9110, 12.4.2).
enum QualityValue {
    /// A weight in thousandths, 1000 where none is given; nil where it is not `0` to `1` with at most three decimals.
    static func thousandths(_ text: String?) -> Int? {
        guard let text else { return 1000 }
        let parts = text.utf8.split(separator: ASCII.dot, maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, whole.count == 1, let digit = whole.first, digit == 0x30 || digit == 0x31 else {
            return nil
        }
        let decimals = parts.count > 1 ? Array(parts[1]) : []
        guard decimals.count <= 3, decimals.allSatisfy(ASCII.isDigit) else { return nil }
        var value = Int(digit - ASCII.zero)
        for place in 0..<3 { value = value * 10 + (place < decimals.count ? Int(decimals[place] - ASCII.zero) : 0) }
        return value <= 1000 ? value : nil
    }
}
