import HTTP
import HTTPTypes
import JSON

/// `/problems` and `/problems/NAME`: what the types of problems lead to.
extension VigilService {
    private static let forms = ["text/plain", "application/json", "text/html"].compactMap { MediaType($0) }

    func showProblems(_ request: Request) -> Response {
        let types = ProblemTypes(openAPI).all
        return explain(types, to: request) { json in
            json.object { json in
                json.key("problems")
                json.array(types[...]) { Self.write($1, to: &$0) }
            }
        }
    }

    func showProblem(_ request: Request) throws -> Response {
        let name = request.pathParameters["name"] ?? ""
        guard let type = ProblemTypes(openAPI)[name] else {
            throw HTTPProblem(
                status: .notFound, slug: "not-found", title: "There is nothing at this path",
                detail: "There is no problem '\(name.prefix(60))': \(ProblemTypes.path) lists all.")
        }
        return explain([type], to: request) { Self.write(type, to: &$0) }
    }

    /// A line for each, in the form that is preferred; as text to whom none of them is welcome, since an explanation
    /// helps more than another problem.
    private func explain(
        _ types: [ProblemTypes.Entry], to request: Request, json: (inout JSONWriter) -> Void
    ) -> Response {
        let form = AcceptHeader(request.head.fields[.accept]).preferred(among: Self.forms)?.essence
        var fields: HTTPFields = [.vary: "Accept", .cacheControl: "max-age=3600"]
        switch form {
        case "application/json":
            return .json(JSONWriter.document(json), fields: fields)
        case "text/html":
            fields[.contentType] = "text/html; charset=utf-8"
            fields[.contentSecurityPolicy] = "default-src 'none'"
            return Response(status: .ok, fields: fields, body: .bytes(Array(Self.page(types).utf8)))
        default:
            fields[.contentType] = "text/plain; charset=utf-8"
            let lines = types.map { "\($0.name)\($0.status.map { " (\($0))" } ?? ""): \($0.meaning)\n" }
            return Response(status: .ok, fields: fields, body: .bytes(Array(lines.joined().utf8)))
        }
    }

    private static func write(_ type: ProblemTypes.Entry, to json: inout JSONWriter) {
        json.object { json in
            json.member("type", Problem.path + type.name)
            json.member("status", type.status)
            json.member("meaning", type.meaning)
        }
    }

    private static func page(_ types: [ProblemTypes.Entry]) -> String {
        let parts = types.map { type in
            "<h1>\(type.name)</h1>\n<p>\(type.status.map { "\($0). " } ?? "")\(escaped(type.meaning))</p>\n"
        }
        return "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Problems</title>\n"
            + parts.joined()
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { escaped, character in
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            default: escaped.append(character)
            }
        }
    }
}
