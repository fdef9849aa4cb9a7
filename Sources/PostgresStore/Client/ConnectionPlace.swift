import Platform

#if Postgres
    import CPostgres
#endif

/// Where a database is: a `postgres://` or `postgresql://` address, and libpq's own environment and files for what it does not
/// say.
public struct ConnectionPlace: Sendable {
    /// The address as it was given; it may have a password.
    private let address: String

    /// Nil where a text is no address of a database.
    public init?(_ text: String) {
        guard text.begins(with: "postgres://") || text.begins(with: "postgresql://") else { return nil }
        address = text
    }

    /// The address without its password, and without what follows a question mark.
    public var description: String { Self.withoutSecrets(address) }

    /// A text of a setting as it may be shown: an address of a database without its password.
    public static func withoutSecrets(_ text: String) -> String {
        guard let place = text.utf8.firstRange(of: Array("://".utf8)), text.begins(with: "postgres") else {
            return text
        }
        let rest = text.utf8[place.upperBound...].prefix { $0 != ASCII.questionMark }
        let authority = rest.prefix { $0 != ASCII.slash }
        let start = text.utf8[..<place.upperBound]
        guard let at = authority.lastIndex(of: UInt8(ascii: "@")) else {
            return String(Substring(start)) + String(Substring(rest))
        }
        let user = authority[..<at].prefix { $0 != UInt8(ascii: ":") }
        return String(Substring(start)) + String(Substring(user)) + String(Substring(rest[at...]))
    }

    /// Whether the address has a password, which `ps` shows to everybody where it is an option.
    public var hasPassword: Bool {
        let rest = address.utf8.firstRange(of: Array("://".utf8)).map { address.utf8[$0.upperBound...] }
        guard let rest else { return false }
        if rest.firstRange(of: Array("password=".utf8)) != nil { return true }
        guard let at = rest.prefix(while: { $0 != ASCII.slash }).lastIndex(of: UInt8(ascii: "@")) else { return false }
        return rest[..<at].contains(UInt8(ascii: ":"))
    }

    /// What libpq is given.
    var parameters: [(name: String, value: String)] {
        [
            ("dbname", address), ("fallback_application_name", "vigil"), ("client_encoding", "UTF8"),
            ("keepalives_idle", "20"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "30000"),
        ]
    }

    /// Throws where libpq does not understand the address. Its own words are not told, which have all of it.
    func check() throws(PostgresError) {
        #if Postgres
            let library = try LibPQ.shared.get()
            var words: UnsafeMutablePointer<CChar>?
            let options = library.parse(address, &words)
            if let words { library.freeMemory(words) }
            guard let options else {
                throw .unusable(
                    "'\(description)' is no address of a database; expected postgres://USER@HOST:PORT/DATABASE")
            }
            library.freeOptions(options)
        #else
            throw .unusable("this vigil was built without the trait Postgres")
        #endif
    }
}
