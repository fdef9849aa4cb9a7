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
