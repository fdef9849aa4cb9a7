import Platform

/// Where a server is: `http://host:port`.
struct ServerURL: Equatable, Sendable, CustomStringConvertible {
    let host: String
    let port: UInt16

    init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Throws what is wrong with `text`: there is no TLS, and no path below which a server could be.
    init(_ text: String) throws {
        func failure(_ problem: String) -> Failure {
            Failure(.usage, "URL '\(text.prefix(200))': \(problem); expected http://HOST:PORT")
        }
        guard let place = text.rest(after: "http://") else {
            throw failure(text.begins(with: "https://") ? "there is no TLS" : "it does not begin with http://")
        }
        let authority = place.ends(with: "/") ? Substring(place.utf8.dropLast()) : place
        guard authority.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"/?#@".utf8.contains($0) }) else {
            throw failure("something other than host and port is in it")
        }
        let isNumeric = authority.first == "["
        let hostEnd = isNumeric ? authority.firstIndex(of: "]") : authority.firstIndex(of: ":") ?? authority.endIndex
        guard let hostEnd else { throw failure("']' is missing") }
        let host = isNumeric ? authority[..<hostEnd].dropFirst() : authority[..<hostEnd]
        let rest = isNumeric ? authority[hostEnd...].dropFirst() : authority[hostEnd...]
        guard !host.isEmpty else { throw failure("there is no host") }
        guard rest.isEmpty || rest.first == ":",
            let port = rest.isEmpty
                ? 80 : ASCII.number(rest.utf8.dropFirst(), most: 5).flatMap({ UInt16(exactly: $0) }), port > 0
        else { throw failure("the port is no number from 1 to 65535") }
        self.init(host: String(host), port: port)
    }

    /// As it stands in a Host field.
    var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    var description: String { "http://\(authority)" }

    /// The first address of the host, in the form that the kernel takes.
    func resolve() throws(ClientError) -> (address: sockaddr_storage, length: socklen_t) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &found)
        defer { if let found { freeaddrinfo(found) } }
        guard code == 0, let first = found?.pointee, let address = first.ai_addr else {
            throw .unreachable("the host '\(host)' is not known (\(String(cString: gai_strerror(code))))")
        }
        var storage = sockaddr_storage()
        // Sound: sockaddr_storage is as large as any address, and the length is what getaddrinfo says it has.
        withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(first.ai_addrlen)))
        }
        return (storage, first.ai_addrlen)
    }
}
