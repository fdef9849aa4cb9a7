import HTTP
import HTTPTypes
import JSON
import Jobs
import Platform

/// `/session`: a page signs in with an API key, and has a cookie for it.
extension VigilService {
    /// Who the request is by, and until when. It is told to everybody of themselves, so that a page knows whether to ask for a key.
    func showSession(_ request: Request) -> Response {
        var key: APIKey?
        if case .key(let name) = request.client { key = keys?.current[name] }
        var left: Duration?
        if key != nil, !request.head.fields.contains(.authorization), let sessions, let keys = keys?.current {
            left = sessions.token(in: request.head).flatMap { sessions.key(of: $0, among: keys)?.left }
        }
        return Self.session(of: key, left: left, at: scoring.backlog.wall, isNeeded: keys != nil)
    }

    /// Begins a session of the key that the request carries, in the place of one that its browser has.
    func beginSession(_ request: Request) throws(HTTPProblem) -> Response {
        guard let sessions, let keys else { throw Problem.nothingToSignInTo }
        let wall = scoring.backlog.wall
        let key = try keys.current.bearer(of: request.head, at: wall)
        if let former = sessions.token(in: request.head) { sessions.end(former) }
        let token = sessions.begin(of: key)
        var answer = Self.session(of: key, left: Sessions.lifetime, at: wall, isNeeded: true)
        answer.fields[.setCookie] = sessions.field(token, for: request.head)
        return answer
    }

    /// Ends the sessions of the request's cookies, and has the browser forget it.
    func endSession(_ request: Request) -> Response {
        var fields: HTTPFields = [.cacheControl: "no-store"]
        if let sessions {
            sessions.endAll(in: request.head)
            fields[.setCookie] = sessions.field(nil, for: request.head)
        }
        return Response(status: .noContent, fields: fields)
    }

    /// - Parameter left: how long the session lasts; nil where the key itself has come
    static func session(of key: APIKey?, left: Duration?, at wall: WallTime, isNeeded: Bool) -> Response {
        let end = left.map { WallTime(milliseconds: wall.milliseconds + $0.wholeNanoseconds / 1_000_000) }
        let expires = [end, key?.expires].compactMap(\.self).min()
        let body = JSONWriter.document { json in
            json.object { json in
                json.member("key_needed", isNeeded)
                json.member("key", key?.name)
                json.member("role", key?.role.rawValue)
                json.member("expires_at", expires?.description)
            }
        }
        return .json(body, fields: [.cacheControl: "no-store"])
    }
}
