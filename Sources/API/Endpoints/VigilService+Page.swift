import HTTP
import HTTPTypes

/// `/`, `/docs` and what they load, `/page/FILE`.
extension VigilService {
    /// What the page's modules, styles and pictures may be and whom they may ask: this server and nobody else. Its scripts can
    /// make no HTML of texts; pictures and videos are also those that the browser itself has (`blob:`).
    private static let policy = [
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:", "media-src blob:",
        "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        "require-trusted-types-for 'script'", "trusted-types 'none'",
    ].joined(separator: "; ")

    private static let guards: HTTPFields = {
        var fields: HTTPFields = [
            .contentSecurityPolicy: policy, .crossOriginResourcePolicy: "same-origin", .cacheControl: "no-cache",
        ]
        let others = [("Referrer-Policy", "no-referrer"), ("Cross-Origin-Opener-Policy", "same-origin")]
        for (name, value) in others {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        return fields
    }()

    func showPage(_ name: String, to request: Request) throws -> Response {
        guard let file = files[name] else {
            throw HTTPProblem(
                status: .notFound, slug: "not-found", title: "There is nothing at this path",
                detail: "The page has no such file.")
        }
        var fields = Self.guards
        fields[.eTag] = file.tag.description
        if try Preconditions(request.head.fields).check(request.head.method, on: [file.tag]) {
            return Response(status: .notModified, fields: fields)
        }
        fields[.contentType] = file.type
        return Response(status: .ok, fields: fields, body: .bytes(file.bytes))
    }
}
