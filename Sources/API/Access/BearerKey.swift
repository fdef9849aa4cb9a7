import HTTP
import HTTPTypes
import Jobs
import Platform

extension APIKeys {
    /// Where other services have their keys.
    private static let otherPlaces = ["X-API-Key", "API-Key", "X-Auth-Token"].compactMap { HTTPField.Name($0) }

    /// Whose key the Authorization field of a request carries (RFC 6750, 2.1).
    func bearer(of head: RequestHead, at wall: WallTime) throws(HTTPProblem) -> APIKey {
        guard let value = head.fields[.authorization] else {
            throw Problem.noKey(
                seen: Self.otherPlaces.first { head.fields.contains($0) }.map { "the field \($0.rawName)" })
        }
        let bytes = Array(value.utf8)
        guard bytes.count > 7, bytes[..<7].map(ASCII.lowercased).elementsEqual("bearer ".utf8) else {
            // Its scheme alone is no secret, and only where something follows it is there one.
            let scheme = bytes.prefix { ASCII.isAlphanumeric($0) }
            let isScheme = scheme.count <= 20 && bytes.dropFirst(scheme.count).first == ASCII.space
            throw Problem.noKey(
                seen: isScheme
                    ? "the scheme \(String(decoding: scheme, as: UTF8.self))" : "an Authorization of one word")
        }
        guard let key = key(of: bytes[7...].drop { $0 == UInt8(ascii: " ") }), key.revoked == nil else {
            throw Problem.unknownKey
        }
        if let expires = key.expires, expires <= wall { throw Problem.expiredKey(key.name, expires) }
        return key
    }
}
